// Signals that are read from a descriptor (signalfd(2)) tell ids, too.
//
// Which descriptors those are is asked of the kernel, but only where what was read looks like signals.
// World: hijack, any thread, also in signal handlers; a thread may be cancelled while it reads.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
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

}  // namespace

STASIS_EXPORT ssize_t read(int fd, void* buffer, std::size_t size) {
  const ssize_t got = real::read(fd, buffer, size);
  return ids_are_virtual() ? told(fd, buffer, got) : got;
}

STASIS_EXPORT ssize_t __read_chk(int fd, void* buffer, std::size_t size, std::size_t room) {
  const ssize_t got = real::__read_chk(fd, buffer, size, room);
  return ids_are_virtual() ? told(fd, buffer, got) : got;
}
