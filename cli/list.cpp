// See list.hpp. What is shown is what the manifests say.
// World: programs.
#include "cli/list.hpp"

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/control_client.hpp"
#include "cli/image_files.hpp"
#include "coordinator/run_directory.hpp"
#include "core/base/sentence.hpp"
#include "core/environment.hpp"
#include "core/store/manifest.hpp"

namespace stasis::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<std::vector<store::Manifest>> read_manifests(const std::string& directory) {
  STASIS_TRY_VALUE(const auto generations, generations_of(directory));
  std::vector<store::Manifest> all;
  for (const auto& [number, images] : generations) {
    STASIS_TRY_VALUE(store::Manifest manifest, store::read_manifest(store::generation_directory(directory, number), number));
    all.push_back(std::move(manifest));
  }
  return all;
}

void print_line(const store::Manifest& manifest) {
  const std::time_t when = manifest.time;
  char text[64] = "";
  tm parts{};
  if (::localtime_r(&when, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::printf("generation %llu  %s  %s  %zu %s  %llu bytes  stood still %llu ms  (%s)\n", static_cast<unsigned long long>(manifest.generation), text,
              manifest.host.c_str(), manifest.images.size(), manifest.images.size() == 1 ? "process" : "processes",
              static_cast<unsigned long long>(manifest.bytes()), static_cast<unsigned long long>((manifest.stopped_us + 500) / 1000),
              manifest.reason.c_str());
}

// The manifests as they stand in the store.
void print_json(const std::string& directory, const std::vector<store::Manifest>& manifests) {
  Json all = Json::array();
  for (const store::Manifest& manifest : manifests) {
    all.push_back(Json::parse(store::encode(manifest, store::generation_directory(directory, manifest.generation))));
  }
  std::printf("%s\n", all.dump(2).c_str());
}

}  // namespace

int list(const std::string& store, bool json) {
  const auto manifests = read_manifests(store);
  if (!manifests) {
    std::fprintf(stderr, "stasis list: %s\n", sentence_with_remedy(manifests.error()).c_str());
    return describe(manifests.error().code).exit_status;
  }
  if (json) print_json(store, *manifests);
  else if (manifests->empty()) std::printf("no generation yet\n");
  else
    for (const store::Manifest& manifest : *manifests) print_line(manifest);
  return 0;
}

int list_running(bool json) {
  Json all = Json::array();
  coordinator::sweep_run_directories();
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(coordinator::users_run_directories(), problem)) {
    const std::string store = std::filesystem::read_symlink(entry.path() / run_directory::kStoreLink, problem).string();
    if (problem) continue;
    const auto coordinator = find_coordinator(store);
    proto::Request request;
    request.verb = proto::Verb::status;
    if (coordinator && (*coordinator).run_directory() != entry.path()) continue;  // of another part of the same computation
    if (!coordinator || !ask(*coordinator, request)) continue;
    all.push_back({{"store", store}, {"computation", entry.path().filename().string()}});
  }
  if (json) std::printf("%s\n", all.dump(2).c_str());
  else
    for (const Json& one : all) std::printf("%s  computation %s\n", one.value("store", "").c_str(), one.value("computation", "").c_str());
  return 0;
}

}  // namespace stasis::cli
