// Files, links and directories by raw system calls.
//
// World: hijack, any thread. Descriptors are opened close-on-exec and belong to the caller.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/base/fixed_string.hpp"
#include "core/base/result.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

using Path = FixedString<4096>;

// An open descriptor that is closed at the end of its scope.
class OwnedFd {
 public:
  OwnedFd() noexcept = default;
  explicit OwnedFd(long fd) noexcept : fd_(static_cast<int>(fd)) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    reset();
    fd_ = other.release();
    return *this;
  }
  ~OwnedFd() { reset(); }
  // The descriptor, or the negative errno with which opening failed.
  int get() const noexcept { return fd_; }
  bool ok() const noexcept { return fd_ >= 0; }
  int release() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset() noexcept {
    if (fd_ >= 0) sys::call(SYS_close, fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

inline OwnedFd open_file(const char* path, int flags, int mode = 0) noexcept {
  return OwnedFd(sys::call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode));
}

// Reads what is there into [buffer, buffer + size); returns the bytes read or a negative errno.
long read_all(int fd, char* buffer, std::size_t size) noexcept;
// The whole file `path`, into memory of the arena.
Result<std::string_view> read_file(const char* path, Arena& arena) noexcept;
// The beginning of a small file of /proc, into `buffer`; empty if it cannot be read.
std::string_view read_small(const char* path, char* buffer, std::size_t size) noexcept;
// Writes all of it; returns 0 or a negative errno.
long write_all(int fd, const char* bytes, std::size_t size) noexcept;
// Where a symbolic link leads; empty if it cannot be read.
std::string_view read_link(const char* path, Path& target) noexcept;
// The same, into memory of the arena; ends with a NUL.
std::string_view read_link(const char* path, Arena& arena) noexcept;

// Calls visit(name), or visit(name, inode), for each entry of the directory but . and ..; visit returns a Status, the first failure ends the walk.
template <class Visit>
Status for_each_entry(int directory, Visit&& visit) noexcept {
  alignas(8) char buffer[4096];
  for (;;) {
    const long count = sys::call(SYS_getdents64, directory, buffer, sizeof buffer);
    if (count < 0) return system_error("list a directory", count);
    if (count == 0) return {};
    for (long at = 0; at < count;) {
      std::uint64_t inode;
      std::uint16_t length;
      std::memcpy(&inode, buffer + at, sizeof inode);  // struct linux_dirent64, getdents(2)
      std::memcpy(&length, buffer + at + 16, sizeof length);
      const std::string_view name(buffer + at + 19);
      at += length;
      if (name == "." || name == "..") continue;
      if constexpr (std::is_invocable_v<Visit&, std::string_view, std::uint64_t>) {
        STASIS_TRY(visit(name, inode));
      } else {
        STASIS_TRY(visit(name));
      }
    }
  }
}

inline std::uint64_t clock_ns(int clock) noexcept {
  timespec now{};
  sys::call(SYS_clock_gettime, clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace stasis::hijack
