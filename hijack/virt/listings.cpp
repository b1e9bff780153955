// Lists of tasks: directories of /proc that have a name for each, which is the kernel's id.
//
// World: hijack, any thread.
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

namespace {

// The id that a name is; 0 if it is none.
std::int32_t id_of(std::string_view name) noexcept {
  std::int32_t id = 0;
  if (name.empty() || name.size() > 9) return 0;
  for (const char c : name) {
    if (c < '0' || c > '9') return 0;
    id = id * 10 + (c - '0');
  }
  return id;
}

bool lists_tasks(int directory) noexcept {
  stasis::FixedString<64> path("/proc/self/fd/");
  path.append_signed(directory);
  char link[64];
  const long length = stasis::sys::call(SYS_readlinkat, AT_FDCWD, path.c_str(), link, sizeof link);
  if (length <= 0) return false;
  const std::string_view name(link, static_cast<std::size_t>(length));
  return name == "/proc" || (name.starts_with("/proc/") && name.ends_with("/task"));
}

// An entry whose record has no room for a longer name is copied: it lasts until this thread lists the next one.
constinit thread_local dirent64 longer{};

dirent64* told(DIR* directory, dirent64* entry) noexcept {
  if (entry == nullptr || !ids_are_virtual()) return entry;
  const std::int32_t kernels = id_of(entry->d_name);
  if (kernels == 0) return entry;
  const std::int32_t known = programs_id(kernels);
  if (known == kernels || !lists_tasks(::dirfd(directory))) return entry;
  stasis::FixedString<16> name;
  name.append_signed(known);
  dirent64* shown = entry;
  if (offsetof(dirent64, d_name) + name.size() + 1 > entry->d_reclen) {
    shown = &longer;
    std::memcpy(shown, entry, offsetof(dirent64, d_name));
    shown->d_reclen = sizeof longer;
  }
  std::memcpy(shown->d_name, name.c_str(), name.size() + 1);
  return shown;
}

static_assert(sizeof(dirent) == sizeof(dirent64));

}  // namespace

STASIS_EXPORT struct dirent* readdir(DIR* directory) {
  return reinterpret_cast<dirent*>(told(directory, reinterpret_cast<dirent64*>(real::readdir(directory))));
}
STASIS_EXPORT struct dirent64* readdir64(DIR* directory) { return told(directory, real::readdir64(directory)); }
