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
#include "core/environment.hpp"

namespace stasis::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<Json> read_manifests(const std::string& store) {
  STASIS_TRY_VALUE(const auto generations, generations_of(store));
  Json all = Json::array();
  for (const auto& [number, images] : generations) {
    std::string digits = std::to_string(number);
    if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
    const std::string path = store + "/" + store_layout::kGenerations + "/" + digits + "/" + store_layout::kManifest;
    std::ifstream file(path);
    const Json manifest = Json::parse(file, nullptr, false);
    if (!manifest.is_object()) return error(ErrorCode::manifest_damaged, path);
    all.push_back(manifest);
  }
  return all;
}

void print_line(const Json& manifest) {
  const std::time_t when = manifest.value("time", std::time_t{0});
  char text[64] = "";
  tm parts{};
  if (::localtime_r(&when, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::printf("generation %llu  %s  %s  %zu processes  %llu bytes  stood still %llu ms  (%s)\n", manifest.value("generation", 0ull), text,
              manifest.value("host", "").c_str(), manifest.contains("images") ? manifest["images"].size() : 0, manifest.value("bytes", 0ull),
              (manifest.value("stopped_us", 0ull) + 500) / 1000, manifest.value("reason", "").c_str());
}

}  // namespace

int list(const std::string& store, bool json) {
  const auto manifests = read_manifests(store);
  if (!manifests) {
    std::fprintf(stderr, "stasis list: %s\n", sentence(manifests.error()).c_str());
    return describe(manifests.error().code).exit_status;
  }
  if (json) std::printf("%s\n", (*manifests).dump(2).c_str());
  else
    for (const Json& manifest : *manifests) print_line(manifest);
  return 0;
}

int list_running(bool json) {
  Json all = Json::array();
  const std::filesystem::path parent = std::string(run_directory::kParent) + "/stasis-" + std::to_string(::geteuid());
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(parent, problem)) {
    const std::string store = std::filesystem::read_symlink(entry.path() / coordinator::kStoreLink, problem).string();
    if (problem) continue;
    const auto coordinator = find_coordinator(store);
    proto::Request request;
    request.verb = proto::Verb::status;
    if (!coordinator || !ask(*coordinator, request)) continue;
    all.push_back({{"store", store}, {"computation", entry.path().filename().string()}});
  }
  if (json) std::printf("%s\n", all.dump(2).c_str());
  else
    for (const Json& one : all) std::printf("%s  computation %s\n", one.value("store", "").c_str(), one.value("computation", "").c_str());
  return 0;
}

}  // namespace stasis::cli
