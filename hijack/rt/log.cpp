// The library's log, see log.hpp.
// World: hijack.
#include "hijack/rt/log.hpp"

#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

void log(const LogLine& line) noexcept {
  const char* path = settings.log.c_str();
  if (*path == '\0') return;
  const OwnedFd file = open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
  if (!file.ok()) return;
  FixedString<560> text;
  text.append_number(clock_ns(CLOCK_REALTIME) / 1'000'000).append(" pid ").append_number(static_cast<std::uint64_t>(sys::call(SYS_getpid)));
  text.append(" tid ").append_number(static_cast<std::uint64_t>(sys::call(SYS_gettid))).append(": ").append(line.view()).append("\n");
  write_all(file.get(), text.c_str(), text.size());
}

void log(const char* what, const Error& failure) noexcept {
  LogLine line(what);
  line.append(": ").append(describe(failure.code).text).append(": ").append(failure.detail);
  if (failure.sys_errno != 0) line.append(" (errno ").append_signed(failure.sys_errno).append(")");
  log(line);
}

}  // namespace stasis::hijack
