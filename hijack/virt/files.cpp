// Functions that take paths, for those below /proc (proc_paths.hpp). That of exec is in hijack/interpose/exec.cpp.
//
// World: hijack, any thread, also in signal handlers and between vfork and exec; opening may be cancelled.
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "hijack/engine/saved_state.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/proc_contents.hpp"
#include "hijack/virt/proc_paths.hpp"

using namespace stasis::hijack;

namespace {

// Whether `path` is a link of /proc that says an id, or may lead to one.
ssize_t told(const char* path, char* buffer, ssize_t length, std::size_t room) noexcept {
  if (length <= 0 || !ids_are_virtual()) return length;
  const bool relative = buffer[0] != '/';
  if (relative && (path == nullptr || (std::string_view(path) != "/proc/self" && std::string_view(path) != "/proc/thread-self"))) return length;
  return static_cast<ssize_t>(programs_path(buffer, static_cast<std::size_t>(length), room));
}

bool is_executable(const char* kernels) noexcept { return kernels == saved.executable; }

// Where the link itself is asked for.
const char* link_of(const char* kernels) noexcept { return is_executable(kernels) ? "/proc/self/exe" : kernels; }

ssize_t tell_executable(char* buffer, std::size_t room) noexcept {
  const std::size_t length = std::strlen(saved.executable);
  const std::size_t told = length < room ? length : room;
  std::memcpy(buffer, saved.executable, told);
  return static_cast<ssize_t>(told);
}

char* told(char* resolved, bool own) noexcept {
  if (resolved == nullptr || !ids_are_virtual()) return resolved;
  const std::size_t length = std::strlen(resolved);
  // What the C library has allocated is as long as it was.
  const std::size_t room = own ? length : PATH_MAX - 1;
  resolved[programs_path(resolved, length, room)] = '\0';
  return resolved;
}

FILE* told(FILE* stream, const char* mode) noexcept {
  if (stream != nullptr && ids_are_virtual() && mode[0] == 'r' && std::string_view(mode).find('+') == std::string_view::npos) freeze_proc_text(::fileno(stream));
  return stream;
}

}  // namespace

// The mode is read as the C library does, whether it was given or not.
#define STASIS_MODE(after)              \
  va_list list;                         \
  va_start(list, after);                \
  const mode_t mode = va_arg(list, mode_t); \
  va_end(list)

STASIS_EXPORT int open(const char* path, int flags, ...) {
  STASIS_MODE(flags);
  return real::open(KernelsPath(path), flags, mode);
}
STASIS_EXPORT int open64(const char* path, int flags, ...) {
  STASIS_MODE(flags);
  return real::open64(KernelsPath(path), flags, mode);
}
STASIS_EXPORT int openat(int directory, const char* path, int flags, ...) {
  STASIS_MODE(flags);
  return real::openat(directory, KernelsPath(path), flags, mode);
}
STASIS_EXPORT int openat64(int directory, const char* path, int flags, ...) {
  STASIS_MODE(flags);
  return real::openat64(directory, KernelsPath(path), flags, mode);
}
STASIS_EXPORT int __open_2(const char* path, int flags) { return real::__open_2(KernelsPath(path), flags); }
STASIS_EXPORT int __open64_2(const char* path, int flags) { return real::__open64_2(KernelsPath(path), flags); }
STASIS_EXPORT int __openat_2(int directory, const char* path, int flags) { return real::__openat_2(directory, KernelsPath(path), flags); }
STASIS_EXPORT int __openat64_2(int directory, const char* path, int flags) { return real::__openat64_2(directory, KernelsPath(path), flags); }

STASIS_EXPORT FILE* fopen(const char* path, const char* mode) { return told(real::fopen(KernelsPath(path), mode), mode); }
STASIS_EXPORT FILE* fopen64(const char* path, const char* mode) { return told(real::fopen64(KernelsPath(path), mode), mode); }
STASIS_EXPORT FILE* freopen(const char* path, const char* mode, FILE* stream) { return told(real::freopen(KernelsPath(path), mode, stream), mode); }
STASIS_EXPORT FILE* freopen64(const char* path, const char* mode, FILE* stream) { return told(real::freopen64(KernelsPath(path), mode, stream), mode); }
STASIS_EXPORT DIR* opendir(const char* path) { return real::opendir(KernelsPath(path)); }

STASIS_EXPORT ssize_t readlink(const char* path, char* buffer, std::size_t size) noexcept {
  const KernelsPath kernels(path);
  return is_executable(kernels) && size != 0 ? tell_executable(buffer, size) : told(path, buffer, real::readlink(kernels, buffer, size), size);
}
STASIS_EXPORT ssize_t __readlink_chk(const char* path, char* buffer, std::size_t size, std::size_t room) noexcept {
  return ids_are_virtual() && size <= room ? readlink(path, buffer, size) : real::__readlink_chk(path, buffer, size, room);
}
STASIS_EXPORT ssize_t readlinkat(int directory, const char* path, char* buffer, std::size_t size) noexcept {
  const KernelsPath kernels(path);
  return is_executable(kernels) && size != 0 ? tell_executable(buffer, size) : told(path, buffer, real::readlinkat(directory, kernels, buffer, size), size);
}
STASIS_EXPORT ssize_t __readlinkat_chk(int directory, const char* path, char* buffer, std::size_t size, std::size_t room) noexcept {
  return ids_are_virtual() && size <= room ? readlinkat(directory, path, buffer, size) : real::__readlinkat_chk(directory, path, buffer, size, room);
}
STASIS_EXPORT char* realpath(const char* path, char* resolved) noexcept { return told(real::realpath(KernelsPath(path), resolved), resolved == nullptr); }
STASIS_EXPORT char* __realpath_chk(const char* path, char* resolved, std::size_t room) noexcept {
  return told(real::__realpath_chk(KernelsPath(path), resolved, room), resolved == nullptr);
}
STASIS_EXPORT char* canonicalize_file_name(const char* path) noexcept { return told(real::canonicalize_file_name(KernelsPath(path)), true); }

STASIS_EXPORT int access(const char* path, int how) noexcept { return real::access(KernelsPath(path), how); }
STASIS_EXPORT int faccessat(int directory, const char* path, int how, int flags) noexcept { return real::faccessat(directory, KernelsPath(path), how, flags); }
STASIS_EXPORT int chdir(const char* path) noexcept { return real::chdir(KernelsPath(path)); }

STASIS_EXPORT int stat(const char* path, struct stat* status) noexcept { return real::stat(KernelsPath(path), status); }
STASIS_EXPORT int stat64(const char* path, struct stat64* status) noexcept { return real::stat64(KernelsPath(path), status); }
STASIS_EXPORT int __xstat(int version, const char* path, struct stat* status) noexcept { return real::__xstat(version, KernelsPath(path), status); }
STASIS_EXPORT int __xstat64(int version, const char* path, struct stat64* status) noexcept { return real::__xstat64(version, KernelsPath(path), status); }
STASIS_EXPORT int lstat(const char* path, struct stat* status) noexcept { return real::lstat(link_of(KernelsPath(path)), status); }
STASIS_EXPORT int lstat64(const char* path, struct stat64* status) noexcept { return real::lstat64(link_of(KernelsPath(path)), status); }
STASIS_EXPORT int __lxstat(int version, const char* path, struct stat* status) noexcept { return real::__lxstat(version, link_of(KernelsPath(path)), status); }
STASIS_EXPORT int __lxstat64(int version, const char* path, struct stat64* status) noexcept { return real::__lxstat64(version, link_of(KernelsPath(path)), status); }
STASIS_EXPORT int fstatat(int directory, const char* path, struct stat* status, int flags) noexcept {
  const KernelsPath kernels(path);
  return real::fstatat(directory, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? link_of(kernels) : kernels, status, flags);
}
STASIS_EXPORT int fstatat64(int directory, const char* path, struct stat64* status, int flags) noexcept {
  const KernelsPath kernels(path);
  return real::fstatat64(directory, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? link_of(kernels) : kernels, status, flags);
}
STASIS_EXPORT int statx(int directory, const char* path, int flags, unsigned mask, struct statx* status) noexcept {
  const KernelsPath kernels(path);
  return real::statx(directory, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? link_of(kernels) : kernels, flags, mask, status);
}
