// What is read from descriptors and tells ids: signals (signalfd(2)), and files below /proc (proc_contents.hpp).
//
// Which descriptors those are is asked of the kernel; for signals only where what was read looks like them.
// World: hijack, any thread, also in signal handlers; a thread may be cancelled while it reads.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/proc_contents.hpp"
#include "hijack/virt/siginfo.hpp"

using namespace stasis::hijack;

namespace {

constexpr ssize_t kOne = sizeof(signalfd_siginfo);

bool is_signalfd(int fd) noexcept {
  constexpr std::string_view kLink = "anon_inode:[signalfd]";
  stasis::FixedString<64> path("/proc/self/fd/");
  path.append_signed(fd);
  char link[32];
  const long length = stasis::sys::call(SYS_readlinkat, AT_FDCWD, path.c_str(), link, sizeof link);
  return length > 0 && std::string_view(link, static_cast<std::size_t>(length)) == kLink;
}

ssize_t told(int fd, void* buffer, ssize_t got) noexcept {
  if (got < kOne || got % kOne != 0) return got;
  auto* const signals = static_cast<char*>(buffer);
  signalfd_siginfo info;
  std::memcpy(&info, signals, sizeof info);
  if (info.ssi_signo < 1 || info.ssi_signo > 64 || !is_signalfd(fd)) return got;
  for (char* at = signals; at != signals + got; at += kOne) {
    std::memcpy(&info, at, sizeof info);
    siginfo_t same = {};
    same.si_signo = static_cast<int>(info.ssi_signo), same.si_code = info.ssi_code;
    if (!tells_process(same)) continue;
    info.ssi_pid = static_cast<std::uint32_t>(programs_id(static_cast<std::int32_t>(info.ssi_pid)));
    std::memcpy(at, &info, sizeof info);
  }
  return got;
}

// A restart may have come while the call waited.
ssize_t told_if_restored(int fd, void* buffer, ssize_t got) noexcept { return ids_are_virtual() ? told(fd, buffer, got) : got; }

// As the C library returns what the kernel does.
ssize_t returned(long result) noexcept {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

template <class Call>
ssize_t read_translated(Call call, int fd, void* buffer, std::size_t size) {
  if (const ProcText kind = proc_text_of(fd); kind != ProcText::none)
    if (const long result = read_proc_text(kind, fd, buffer, size); result != -ENOSYS) return returned(result);
  return told(fd, buffer, call());
}

template <class Call>
ssize_t pread_translated(Call call, int fd, void* buffer, std::size_t size, off_t offset) {
  if (const ProcText kind = proc_text_of(fd); kind != ProcText::none)
    if (const long result = pread_proc_text(kind, fd, buffer, size, offset); result != -ENOSYS) return returned(result);
  return call();
}

}  // namespace

STASIS_EXPORT ssize_t read(int fd, void* buffer, std::size_t size) {
  if (!ids_are_virtual()) return told_if_restored(fd, buffer, real::read(fd, buffer, size));
  return read_translated([&] { return real::read(fd, buffer, size); }, fd, buffer, size);
}
STASIS_EXPORT ssize_t __read_chk(int fd, void* buffer, std::size_t size, std::size_t room) {
  if (!ids_are_virtual() || size > room) return told_if_restored(fd, buffer, real::__read_chk(fd, buffer, size, room));
  return read_translated([&] { return real::read(fd, buffer, size); }, fd, buffer, size);
}

STASIS_EXPORT ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
  if (!ids_are_virtual()) return real::pread(fd, buffer, size, offset);
  return pread_translated([&] { return real::pread(fd, buffer, size, offset); }, fd, buffer, size, offset);
}
STASIS_EXPORT ssize_t pread64(int fd, void* buffer, std::size_t size, off64_t offset) {
  if (!ids_are_virtual()) return real::pread64(fd, buffer, size, offset);
  return pread_translated([&] { return real::pread64(fd, buffer, size, offset); }, fd, buffer, size, offset);
}
STASIS_EXPORT ssize_t __pread_chk(int fd, void* buffer, std::size_t size, off_t offset, std::size_t room) {
  return ids_are_virtual() && size <= room ? pread(fd, buffer, size, offset) : real::__pread_chk(fd, buffer, size, offset, room);
}
STASIS_EXPORT ssize_t __pread64_chk(int fd, void* buffer, std::size_t size, off64_t offset, std::size_t room) {
  return ids_are_virtual() && size <= room ? pread64(fd, buffer, size, offset) : real::__pread64_chk(fd, buffer, size, offset, room);
}
