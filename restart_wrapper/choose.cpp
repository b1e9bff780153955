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

#include <nlohmann/json.hpp>

#include "core/environment.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

namespace files = std::filesystem;

// A coordinator whose last process has just ended takes this long at most to be gone.
constexpr int kFarewellMs = 1000;

std::uint64_t number_of(const files::path& path) {
  const std::string name = path.filename().string();
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  return failure == std::errc() && end == name.data() + name.size() ? number : 0;
}

Result<Generation> read_generation(const files::path& directory, std::uint64_t number) {
  STASIS_TRY_VALUE(const store::Manifest manifest, store::read_manifest(directory.string(), number));
  Generation generation;
  generation.number = number;
  generation.root = manifest.root;
  for (const store::ManifestImage& image : manifest.images) generation.images.push_back({image.path, image.bytes, image.digest});
  return generation;
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

Result<std::vector<Generation>> candidates(const std::string& directory, std::uint64_t wanted) {
  const files::path store(directory);
  std::error_code failure;
  std::vector<Generation> found;
  Error damage = error(ErrorCode::no_generation, directory);
  for (const auto& entry : files::directory_iterator(store / store_layout::kGenerations, failure)) {
    const std::uint64_t number = number_of(entry.path());
    if (number == 0 || (wanted != 0 && number != wanted) || !files::exists(entry.path() / store_layout::kManifest, failure)) continue;
    Result<Generation> generation = read_generation(entry.path(), number);
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

Status check_not_running(const std::string& directory) {
  std::ifstream file(files::path(directory) / store_layout::kCoordinator);
  const nlohmann::json identity = nlohmann::json::parse(file, nullptr, false);
  if (!identity.is_object() || !identity.contains("socket") || !identity["socket"].is_string()) return {};
  const std::string path = identity["socket"];
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  pollfd hangup{connection.get(), POLLRDHUP, 0};
  if (::poll(&hangup, 1, kFarewellMs) == 1) return {};
  return error(ErrorCode::still_running, directory);
}

}  // namespace stasis::restart
