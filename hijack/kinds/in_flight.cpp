// Looking at descriptors in flight, see in_flight.hpp.
// World: hijack, leader.
#include "hijack/kinds/in_flight.hpp"

#include <sys/socket.h>

#include "hijack/kinds/socket_queue.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

int number_option(int fd, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size);
  return value;
}

// How many there are (proc_pid_fdinfo(5), Linux 5.10); 1 where the kernel does not tell.
std::uint64_t count_in_flight(int socket) noexcept {
  char text[512];
  const std::string_view info = read_small(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(socket).c_str(), text, sizeof text);
  const std::string_view count = field_of(info, "scm_fds:");
  return count.empty() ? 1 : Text(count).number();
}

}  // namespace

Status BorrowedDescriptors::borrow(int socket, Arena& arena) noexcept {
  if (number_option(socket, SO_DOMAIN) != AF_UNIX || number_option(socket, SO_ACCEPTCONN) != 0 || count_in_flight(socket) == 0) return {};
  SocketQueue queue(socket, AF_UNIX, number_option(socket, SO_TYPE), true, arena);
  if (!queue.open().ok()) return {};  // never connected
  QueuedMessage message;
  for (std::uint32_t number = 0;;) {
    STASIS_TRY_VALUE(const bool more, queue.next(message));
    if (!more) return {};
    if (!message.has_rights) continue;
    bool full = false;
    for (std::uint32_t i = 0; i != message.right_count; ++i) {
      if (!full && all_.add({message.rights[i], number})) continue;
      full = true;
      sys::call(SYS_close, message.rights[i]);
    }
    if (full) return out_of_arena();
    ++number;
  }
}

}  // namespace stasis::hijack
