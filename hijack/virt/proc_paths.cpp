// Looking at paths, see proc_paths.hpp.
// World: hijack.
#include "hijack/virt/proc_paths.hpp"

#include <sys/syscall.h>

#include <cstring>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kProc = "/proc/", kTask = "/task/", kExe = "/exe";

// Takes a number off the front of `rest`; -1 if there is none, or it goes on with something else than a path does.
std::int32_t take_number(std::string_view& rest) noexcept {
  std::int32_t number = 0;
  std::size_t digits = 0;
  for (; digits != rest.size() && digits != 9 && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) number = number * 10 + (rest[digits] - '0');
  if (digits == 0 || (digits != rest.size() && rest[digits] != '/')) return -1;
  rest = from(rest, digits);
  return number;
}

// Writes `path`, which begins with "/proc/" or is what follows that, with the ids that `translate` makes of those in it.
template <class Text, class Translate>
void translate_ids(std::string_view rest, Text& out, Translate&& translate) noexcept {
  if (rest.starts_with(kProc)) out.append(kProc), rest = from(rest, kProc.size());
  if (const std::int32_t process = take_number(rest); process > 0) {
    out.append_signed(translate(process));
  } else {
    const std::size_t end = rest.find('/');
    const std::string_view name = rest.substr(0, end);
    if (name != "self") return void(out.append(rest));
    out.append(name);
    rest = end == std::string_view::npos ? std::string_view() : from(rest, end);
  }
  if (rest.starts_with(kTask)) {
    out.append(kTask), rest = from(rest, kTask.size());
    if (const std::int32_t thread = take_number(rest); thread > 0) out.append_signed(translate(thread));
  }
  out.append(rest);
}

bool is_own_executable(std::string_view path) noexcept {
  if (saved.executable[0] == '\0' || !path.starts_with(kProc) || !path.ends_with(kExe)) return false;
  std::string_view process = path.substr(kProc.size(), path.size() - kProc.size() - kExe.size());
  if (process == "self" || process == "thread-self") return true;
  const std::int32_t id = take_number(process);
  return id > 0 && process.empty() && id == sys::call(SYS_getpid);
}

}  // namespace

void KernelsPath::look() noexcept {
  if (!ids_are_virtual()) return;
  const std::string_view given(path_);
  constexpr std::size_t kLonger = 20;  // two ids
  if (!given.starts_with(kProc) || given.size() + kLonger >= kRoom) return;
  FixedString<kRoom> text;
  translate_ids(given, text, [](std::int32_t id) { return kernels_id(id); });
  if (is_own_executable(text)) {
    path_ = saved.executable;
    return;
  }
  std::memcpy(copy_, text.c_str(), text.size() + 1);
  path_ = copy_;
}

std::size_t programs_path(char* text, std::size_t size, std::size_t room) noexcept {
  constexpr std::size_t kLongest = 512;
  const std::string_view path(text, size);
  const bool relative = size != 0 && path[0] >= '0' && path[0] <= '9';  // what /proc/self and /proc/thread-self say
  if (!ids_are_virtual() || (!relative && !path.starts_with(kProc)) || size + 20 >= kLongest) return size;
  FixedString<kLongest> known;
  translate_ids(path, known, [](std::int32_t id) { return programs_id(id); });
  const std::size_t length = known.size() < room ? known.size() : room;
  std::memcpy(text, known.c_str(), length);
  return length;
}

}  // namespace stasis::hijack
