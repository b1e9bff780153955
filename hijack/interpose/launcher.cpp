// Recognising srun, see launcher.hpp.
// World: hijack.
#include "hijack/interpose/launcher.hpp"

#include <unistd.h>

#include <cstring>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

extern "C" char** environ;

namespace stasis::hijack {
namespace {

using PathText = FixedString<4095>;

constexpr std::string_view kName = "srun";
constexpr std::string_view kPath = "PATH=";
constexpr std::string_view kDefaultPath = "/bin:/usr/bin";  // execvp(3)
constexpr int kMostLinks = 40;                              // path_resolution(7)

std::string_view name_of(std::string_view path) noexcept { return from(path, path.rfind('/') + 1); }
std::string_view directory_of(std::string_view path) noexcept { return path.substr(0, path.rfind('/') + 1); }

bool can_be_run(const char* path) noexcept {
  struct stat status;
  return sys::call(SYS_faccessat, AT_FDCWD, path, X_OK) == 0 && sys::call(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0 && S_ISREG(status.st_mode);
}

// Whether the last link of `path` leads to something of that name. What the directories are called does not matter.
__attribute__((noinline)) bool leads_to_srun(const char* path) noexcept {
  PathText place(path);
  for (int links = 0; links != kMostLinks; ++links) {
    char target[2048];
    const long length = sys::call(SYS_readlinkat, AT_FDCWD, place.c_str(), target, sizeof target);
    if (length == -EINVAL) return name_of(place) == kName;
    if (length <= 0 || length == sizeof target) return false;
    const std::string_view text(target, static_cast<std::size_t>(length));
    place.set_size(text.front() == '/' ? 0 : directory_of(place).size());
    place.append(text);
  }
  return false;
}

bool can_be_proxied() noexcept { return settings.slurm && settings.standing == Standing::member && !settings.launch_proxy.empty(); }

}  // namespace

bool Launcher::look_at(const char* path) noexcept {
  if (!can_be_proxied() || path == nullptr || !leads_to_srun(path) || !can_be_run(path) || !can_be_run(proxy())) return false;
  path_ = PathText(path);
  return true;
}

bool Launcher::look_at(int directory, const char* path) noexcept {
  if (!can_be_proxied() || path == nullptr) return false;
  if (*path == '/' || (directory == AT_FDCWD && *path != '\0')) return look_at(path);
  FixedString<64> link("/proc/self/fd/");
  link.append_signed(directory);
  const long length = sys::call(SYS_readlinkat, AT_FDCWD, link.c_str(), path_.data(), PathText::capacity());
  if (length <= 0) return false;
  path_.set_size(static_cast<std::size_t>(length));
  if (*path != '\0') path_.append("/").append(path);
  return leads_to_srun(path_.c_str()) && can_be_run(path_.c_str()) && can_be_run(proxy());
}

bool Launcher::look_for(const char* file) noexcept {
  if (!can_be_proxied() || file == nullptr || *file == '\0') return false;
  if (std::string_view(file).find('/') != std::string_view::npos) return look_at(file);
  std::string_view directories = kDefaultPath;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    if (std::string_view(*variable).starts_with(kPath)) {
      directories = from(*variable, kPath.size());
      break;
    }
  for (;;) {
    const std::size_t end = directories.find(':');
    path_ = PathText(directories.substr(0, end));
    if (!path_.empty()) path_.append("/");
    path_.append(file);
    if (can_be_run(path_.c_str())) return leads_to_srun(path_.c_str()) && can_be_run(proxy());
    if (end == std::string_view::npos) return false;
    directories = from(directories, end + 1);
  }
}

const char* Launcher::proxy() const noexcept { return settings.launch_proxy.c_str(); }

std::size_t Launcher::arguments_size(char* const* argv) noexcept {
  std::size_t count = 0;
  while (argv != nullptr && argv[count] != nullptr) ++count;
  return (count + 4) * sizeof(char*);
}

char* const* Launcher::arguments(char* const* argv, void* place) const noexcept {
  auto** list = static_cast<char**>(place);
  std::size_t next = 0;
  list[next++] = const_cast<char*>("stasis-launch-proxy");
  list[next++] = const_cast<char*>(path_.c_str());
  if (argv == nullptr || *argv == nullptr) list[next++] = const_cast<char*>("");  // the kernel's own choice for an empty list
  else
    while (*argv != nullptr) list[next++] = *argv++;
  list[next] = nullptr;
  return list;
}

}  // namespace stasis::hijack
