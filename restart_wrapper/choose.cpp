// Which generation to restart from, see choose.hpp.
// World: programs.
#include "restart_wrapper/choose.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "core/run_directory.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

namespace files = std::filesystem;

// A coordinator whose last process has just ended takes this long at most to be gone.
constexpr int kFarewellMs = 1000;
constexpr int kLookAgainMs = 10;

std::uint64_t number_of(const files::path& path) {
  const std::string name = path.filename().string();
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  return failure == std::errc() && end == name.data() + name.size() ? number : 0;
}

Result<Generation> read_generation(const files::path& directory, std::uint64_t number, const std::string& part) {
  STASIS_TRY_VALUE(const store::Manifest manifest, store::read_manifest(directory.string(), number));
  Generation generation;
  generation.number = number;
  generation.computation = manifest.computation;
  if (const store::ManifestPart* found = manifest.part(part)) generation.part = *found;
  else if (part == store_layout::kRootPart) generation.part = {part, manifest.host, "", 1, manifest.root, ""};
  else return error(ErrorCode::no_generation, directory.string()).with("it has no part " + part);
  for (const store::ManifestPart& other : manifest.parts)
    if (other.name != part)
      for (const store::ManifestImage& image : manifest.images_of(other.name)) generation.elsewhere.push_back({image.path, image.bytes, image.digest});
  generation.manifest = manifest;
  for (const store::ManifestImage& image : manifest.images_of(part)) generation.images.push_back({image.path, image.bytes, image.digest});
  return generation;
}

nlohmann::json read_coordinator(const std::string& directory) {
  std::ifstream file(files::path(directory) / store_layout::kCoordinator);
  return nlohmann::json::parse(file, nullptr, false);
}

// Of the store, or of that which it is a copy of. Empty: unknown.
std::string computation_of(const std::string& directory) {
  std::ifstream file(files::path(directory) / store_layout::kIdentity);
  const nlohmann::json identity = nlohmann::json::parse(file, nullptr, false);
  return identity.is_object() ? identity.value("computation", "") : "";
}

// The store of what runs there: `store`, or the one that it is a copy of.
std::string store_in_use(const std::string& run_directory, const std::string& store) {
  std::error_code unknown;
  const std::string users = files::read_symlink(run_directory + "/" + run_directory::kStoreLink, unknown).string();
  return unknown ? store : users;
}

// Whether somebody listens at the socket and does not go away.
bool is_answered(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  pollfd hangup{connection.get(), POLLRDHUP, 0};
  return ::poll(&hangup, 1, kFarewellMs) != 1;
}

}  // namespace

Status check_store(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return error(ErrorCode::no_store, directory);
  if (status.st_uid != ::geteuid() && ::geteuid() != 0) return error(ErrorCode::foreign_store, directory);
  std::error_code failure;
  if (!files::exists(files::path(directory) / store_layout::kIdentity, failure)) return error(ErrorCode::no_store, directory);
  return {};
}

Result<std::vector<Generation>> candidates(const std::string& directory, std::uint64_t wanted, const std::string& part) {
  const files::path store(directory);
  std::error_code failure;
  std::vector<Generation> found;
  Error damage = error(ErrorCode::no_generation, directory);
  for (const auto& entry : files::directory_iterator(store / store_layout::kGenerations, failure)) {
    const std::uint64_t number = number_of(entry.path());
    if (number == 0 || (wanted != 0 && number != wanted) || !files::exists(entry.path() / store_layout::kManifest, failure)) continue;
    Result<Generation> generation = read_generation(entry.path(), number, part);
    if (generation.ok()) {
      found.push_back(std::move(*generation));
    } else {
      damage = generation.error();
      std::fprintf(stderr, "stasis restart: generation %llu cannot be used: %s: %s\n", static_cast<unsigned long long>(number),
                   std::string(describe(damage.code).text).c_str(), damage.detail.c_str());
    }
  }
  if (found.empty()) return damage;
  std::sort(found.begin(), found.end(), [](const Generation& a, const Generation& b) { return a.number > b.number; });
  return found;
}

Result<std::uint64_t> restored_generation(const std::string& directory) {
  const nlohmann::json root = read_coordinator(directory);
  const std::uint64_t number = root.is_object() ? root.value("restored", std::uint64_t{0}) : 0;
  if (number == 0) return error(ErrorCode::no_coordinator, directory).with("no restart of the computation waits for its parts");
  return number;
}

Result<std::string> key_of(const std::string& directory) {
  const nlohmann::json root = read_coordinator(directory);
  if (!root.is_object() || !root.contains("key")) return error(ErrorCode::no_coordinator, directory);
  return root.value("key", "");
}

Status check_not_running(const std::string& directory, const std::string& part) {
  std::set<std::string> run_directories;
  if (const std::string computation = computation_of(directory); !computation.empty()) run_directories.insert(run_directory_of(part == store_layout::kRootPart ? computation : computation + "." + part));
  if (const nlohmann::json root = read_coordinator(directory); part == store_layout::kRootPart && root.is_object() && root.contains("socket") && root["socket"].is_string())
    run_directories.insert(files::path(root["socket"].get<std::string>()).parent_path());  // it may be another user's, whom root restarts
  for (const std::string& run_directory : run_directories) {
    if (is_answered(run_directory + "/" + run_directory::kSocket)) return error(ErrorCode::still_running, store_in_use(run_directory, directory));
    // Its coordinator is gone; those of its processes that are not ending run on.
    for (int waited = 0; is_in_use(run_directory); waited += kLookAgainMs) {
      if (waited >= kFarewellMs) return error(ErrorCode::still_running, store_in_use(run_directory, directory)).with("its coordinator was killed");
      ::poll(nullptr, 0, kLookAgainMs);  // the end of a mapping is no event
    }
  }
  return {};
}

}  // namespace stasis::restart
