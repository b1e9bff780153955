// Translating what files below /proc say, see proc_contents.hpp.
// World: hijack.
#include "hijack/virt/proc_contents.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

constexpr std::size_t kDigits = 12;  // the longest id, and more

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Takes a number and a slash off the front.
bool take_task(std::string_view& path) noexcept {
  std::size_t digits = 0;
  while (digits != path.size() && is_digit(path[digits])) ++digits;
  if (digits == 0 || digits == path.size() || path[digits] != '/') return false;
  path = from(path, digits + 1);
  return true;
}

ProcText kind_of(std::string_view path) noexcept {
  constexpr std::string_view kProc = "/proc/", kTask = "task/";
  if (!path.starts_with(kProc)) return ProcText::none;
  path = from(path, kProc.size());
  if (path == "locks") return ProcText::locks;
  if (!take_task(path)) return ProcText::none;
  if (path.starts_with(kTask)) {
    path = from(path, kTask.size());
    if (!take_task(path)) return ProcText::none;
  }
  if (path == "stat") return ProcText::stat;
  if (path == "status") return ProcText::status;
  if (path == "children") return ProcText::children;
  if (path == "timers") return ProcText::timers;
  if (path == "sched") return ProcText::sched;
  return path.starts_with("fdinfo/") ? ProcText::details : ProcText::none;
}

// The translated text.
class Translation {
 public:
  Translation(char* room, std::size_t size) noexcept : begin_(room), end_(room), limit_(room + size) {}
  bool fits() const noexcept { return fits_; }
  std::string_view view() const noexcept { return {begin_, static_cast<std::size_t>(end_ - begin_)}; }

  void copy(std::string_view text) noexcept {
    if (text.size() > static_cast<std::size_t>(limit_ - end_)) return void(fits_ = false);
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
  }
  // Up to and with the next id; what is no number, or below 0, stays.
  void id(std::string_view& rest) noexcept {
    std::size_t blanks = 0;
    while (blanks != rest.size() && (rest[blanks] == ' ' || rest[blanks] == '\t')) ++blanks;
    std::size_t end = blanks;
    std::int32_t number = 0;
    while (end != rest.size() && is_digit(rest[end]) && end - blanks != 9) number = number * 10 + (rest[end++] - '0');
    if (end == blanks) return words(rest, 1);
    copy(rest.substr(0, blanks));
    copy(FixedString<kDigits>().append_signed(programs_id(number)));
    rest = from(rest, end);
  }
  // So many words as they are.
  void words(std::string_view& rest, int count) noexcept {
    std::size_t end = 0;
    for (; count != 0; --count) {
      while (end != rest.size() && rest[end] == ' ') ++end;
      while (end != rest.size() && rest[end] != ' ' && rest[end] != '\n') ++end;
    }
    copy(rest.substr(0, end));
    rest = from(rest, end);
  }
  // Up to and with `mark`; nothing if it is not there.
  bool past(std::string_view& rest, std::string_view mark) noexcept {
    const std::size_t at = rest.find(mark);
    if (at == std::string_view::npos) return false;
    copy(rest.substr(0, at + mark.size()));
    rest = from(rest, at + mark.size());
    return true;
  }

 private:
  char *begin_, *end_, *limit_;
  bool fits_ = true;
};

// "PID (NAME) STATE PPID PGRP SESSION TTY TPGID ...": the name may have anything in it, what follows has no parenthesis.
void tell_stat(std::string_view text, Translation& out) noexcept {
  out.id(text);
  const std::size_t name = text.rfind(')');
  if (name != std::string_view::npos) {
    out.copy(text.substr(0, name + 1)), text = from(text, name + 1);
    out.words(text, 1);
    for (int i = 0; i != 3; ++i) out.id(text);
    out.words(text, 1);
    out.id(text);
  }
  out.copy(text);
}

// "N: [-> ]TYPE KIND ACCESS PID ...", see lock_get_status() of fs/locks.c.
void tell_lock(std::string_view line, Translation& out) noexcept {
  if (out.past(line, ": ")) {
    while (line.starts_with(' ')) out.copy(line.substr(0, 1)), line = from(line, 1);
    out.words(line, line.starts_with("->") ? 4 : 3);
    out.id(line);
  }
  out.copy(line);
}

// In the first namespace that is told, which is ours; inner ones follow.
void tell_status_line(std::string_view line, Translation& out) noexcept {
  constexpr std::string_view kKeys[] = {"Tgid:", "Ngid:", "Pid:", "PPid:", "TracerPid:", "NStgid:", "NSpid:", "NSpgid:", "NSsid:"};
  for (const std::string_view key : kKeys) {
    if (!line.starts_with(key)) continue;
    out.copy(key), line = from(line, key.size());
    out.id(line);
    break;
  }
  out.copy(line);
}

void tell_details_line(std::string_view line, Translation& out) noexcept {
  constexpr std::string_view kLock = "lock:\t";
  if (!line.starts_with(kLock)) return tell_status_line(line, out);
  out.copy(kLock);
  tell_lock(from(line, kLock.size()), out);
}

// "notify: signal/pid.PID", "notify: thread/tid.TID".
void tell_timers_line(std::string_view line, Translation& out) noexcept {
  if (line.starts_with("notify: ") && out.past(line, "id.")) out.id(line);
  out.copy(line);
}

// "NAME (TID, #threads: N)"
void tell_sched(std::string_view text, Translation& out) noexcept {
  const std::size_t mark = text.find(", #threads:");
  const std::size_t name = mark == std::string_view::npos ? mark : text.rfind('(', mark);
  if (name != std::string_view::npos) {
    out.copy(text.substr(0, name + 1)), text = from(text, name + 1);
    out.id(text);
  }
  out.copy(text);
}

void tell(ProcText kind, std::string_view text, Translation& out) noexcept {
  if (kind == ProcText::stat) return tell_stat(text, out);
  if (kind == ProcText::sched) return tell_sched(text, out);
  if (kind == ProcText::children) {
    while (!text.empty()) out.id(text);
    return;
  }
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    const std::string_view line = text.substr(0, length);
    if (kind == ProcText::locks) tell_lock(line, out);
    else if (kind == ProcText::timers) tell_timers_line(line, out);
    else if (kind == ProcText::details) tell_details_line(line, out);
    else tell_status_line(line, out);
    text = from(text, length);
  }
}

// Room for a kernel's text and for what becomes of it, if those are long.
class Room {
 public:
  // At least two characters of text hold an id of at most seven, and the first may be longer by as much.
  explicit Room(std::size_t text) noexcept : text_(text), address_(sys::call(SYS_mmap, nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  Room(const Room&) = delete;
  ~Room() {
    if (ok()) sys::call(SYS_munmap, address_, bytes());
  }
  bool ok() const noexcept { return !sys::failed(address_); }
  char* text() const noexcept { return reinterpret_cast<char*>(address_); }
  char* translation() const noexcept { return text() + text_; }
  std::size_t translation_size() const noexcept { return bytes() - text_; }

 private:
  std::size_t bytes() const noexcept { return text_ * 5 + 4096; }
  std::size_t text_;
  long address_;
};

// The kernel's text, from its beginning: its length, or `room` if it may be longer.
long whole(int fd, char* text, std::size_t room) noexcept {
  std::size_t length = 0;
  while (length != room) {
    const long got = sys::call(SYS_pread64, fd, text + length, room - length, length);
    if (got < 0) return got;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  return static_cast<long>(length);
}

}  // namespace

ProcText proc_text_of(int fd) noexcept {
  struct statfs system;
  if (sys::call(SYS_fstatfs, fd, &system) != 0 || system.f_type != PROC_SUPER_MAGIC) return ProcText::none;
  FixedString<64> path("/proc/self/fd/");
  path.append_signed(fd);
  char link[96];
  const long length = sys::call(SYS_readlinkat, AT_FDCWD, path.c_str(), link, sizeof link);
  return length <= 0 ? ProcText::none : kind_of(std::string_view(link, static_cast<std::size_t>(length)));
}

namespace {

// On the stack if it is short: what a process is told of its memory must not be of ours. -E2BIG if it is long.
template <class Use>
[[gnu::noinline]] long with_short_text(ProcText kind, int fd, Use&& use) noexcept {
  char text[3600], translated[4000];
  const long length = whole(fd, text, sizeof text);
  if (length < 0) return length;
  Translation translation(translated, sizeof translated);
  tell(kind, std::string_view(text, static_cast<std::size_t>(length)), translation);
  return static_cast<std::size_t>(length) == sizeof text || !translation.fits() ? -E2BIG : use(translation.view());
}

// Calls `use` with the whole translated text; what it returns, a negated error number, or -ENOSYS if there is no memory.
template <class Use>
long with_text(ProcText kind, int fd, Use&& use) noexcept {
  if (const long result = with_short_text(kind, fd, use); result != -E2BIG) return result;
  constexpr std::size_t kFirst = 64 << 10, kMost = 64 << 20;
  for (std::size_t room = kFirst; room <= kMost; room *= 4) {
    const Room texts(room);
    if (!texts.ok()) break;
    const long length = whole(fd, texts.text(), room);
    if (length < 0) return length;
    if (static_cast<std::size_t>(length) == room) continue;
    Translation translation(texts.translation(), texts.translation_size());
    tell(kind, std::string_view(texts.text(), static_cast<std::size_t>(length)), translation);
    return use(translation.view());
  }
  return -ENOSYS;
}

}  // namespace

long pread_proc_text(ProcText kind, int fd, void* buffer, std::size_t size, off_t offset) noexcept {
  if (offset < 0) return -EINVAL;
  return with_text(kind, fd, [&](std::string_view text) {
    std::string_view asked = from(text, static_cast<std::size_t>(offset));
    if (asked.size() > size) asked.remove_suffix(asked.size() - size);
    std::memcpy(buffer, asked.data(), asked.size());
    return static_cast<long>(asked.size());
  });
}

long read_proc_text(ProcText kind, int fd, void* buffer, std::size_t size) noexcept {
  const long offset = sys::call(SYS_lseek, fd, 0, SEEK_CUR);
  if (offset < 0) return offset;
  const long got = pread_proc_text(kind, fd, buffer, size, offset);
  if (got > 0) sys::call(SYS_lseek, fd, offset + got, SEEK_SET);
  return got;
}

void freeze_proc_text(int fd) noexcept {
  const ProcText kind = proc_text_of(fd);
  if (kind == ProcText::none) return;
  with_text(kind, fd, [&](std::string_view text) {
    rlimit sizes;  // what is written beyond it sends a signal
    if (sys::call(SYS_prlimit64, 0, RLIMIT_FSIZE, nullptr, &sizes) < 0 || sizes.rlim_cur < text.size()) return 0L;
    const OwnedFd frozen(static_cast<int>(sys::call(SYS_memfd_create, "proc", MFD_CLOEXEC)));
    if (!frozen.ok() || sys::call(SYS_pwrite64, frozen.get(), text.data(), text.size(), 0) != static_cast<long>(text.size())) return 0L;
    const long flags = sys::call(SYS_fcntl, fd, F_GETFD);
    return sys::call(SYS_dup3, frozen.get(), fd, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
  });
}

}  // namespace stasis::hijack
