// The table of kinds, see kind.hpp.
// World: hijack.
#include "hijack/engine/settings.hpp"
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

constexpr const Kind* kTable[] = {
    &kinds_detail::path_only,      // O_PATH hides what is behind it
    &kinds_detail::memory_file,    // a regular file to fstat, as is the next
    &kinds_detail::message_queue,  // so is this
    &kinds_detail::process,        &kinds_detail::process_file,
    &kinds_detail::launch_stdio,   // before files and pipes: what only the launcher can open or holds the other end of
    &kinds_detail::regular_file,   &kinds_detail::directory,
    &kinds_detail::pseudo_terminal,
    &kinds_detail::terminal,       // before devices
    &kinds_detail::device,         &kinds_detail::fifo,         &kinds_detail::pipe,    &kinds_detail::event_counter, &kinds_detail::socket,
    &kinds_detail::timer,          &kinds_detail::signal_set,   &kinds_detail::event_set,      &kinds_detail::watch_list,
    &kinds_detail::ring,
};

}  // namespace

const Kind* find_kind(Description& description) noexcept {
  for (const Kind* kind : kTable)
    if (kind->recognise(description)) return kind;
  return nullptr;
}

int stdio_index(const struct stat& status) noexcept {
  for (int i = 0; i != 3; ++i)
    if (settings.stdio[i].inode != 0 && settings.stdio[i].inode == status.st_ino && settings.stdio[i].device == status.st_dev) return i;
  return -1;
}

}  // namespace stasis::hijack
