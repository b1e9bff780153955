// Notes of watched paths, see watched_paths.hpp: texts one behind the other, added to under a lock that a thread holds for the length of a copy, and given up if
// it is taken (by a thread that a signal handler has interrupted): then the path is not noted, and a checkpoint that misses it says so.
// World: hijack.
#include "hijack/engine/watched_paths.hpp"

#include <atomic>

#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

constexpr std::size_t kRoom = 256u << 10;

constinit char texts[kRoom] = {};
constinit std::atomic<std::size_t> used = 0;
constinit std::atomic<bool> taken = false;

bool leads_to(const char* path, std::uint64_t device, std::uint64_t inode) noexcept {
  struct stat status{};
  return sys::call(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0 && status.st_ino == inode && status.st_dev == device;
}

bool is_noted(std::string_view path) noexcept {
  for (std::size_t at = 0; at < used.load();) {
    const std::string_view one(texts + at);
    if (one == path) return true;
    at += one.size() + 1;
  }
  return false;
}

void add(std::string_view path) noexcept {
  const std::size_t at = used.load();
  if (is_noted(path) || path.size() + 1 > kRoom - at) return;
  std::memcpy(texts + at, path.data(), path.size());
  texts[at + path.size()] = '\0';
  used.store(at + path.size() + 1);
}

}  // namespace

void note_watched_path(const char* path) noexcept {
  Path absolute;
  if (path[0] != '/') {
    char directory[2048];
    const long length = sys::call(SYS_getcwd, directory, sizeof directory);
    if (length <= 1) return;
    absolute.append({directory, static_cast<std::size_t>(length - 1)}).append("/");
  }
  absolute.append(path);
  if (taken.exchange(true)) return;
  add(absolute.view());
  taken.store(false);
}

// The last that was noted first: earlier ones may lead elsewhere by now.
std::string_view find_watched_path(std::uint64_t device, std::uint64_t inode) noexcept {
  std::string_view found;
  for (std::size_t at = 0; at < used.load();) {
    const std::string_view one(texts + at);
    if (leads_to(texts + at, device, inode)) found = one;
    at += one.size() + 1;
  }
  return found;
}

}  // namespace stasis::hijack
