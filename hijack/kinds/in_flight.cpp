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

// Where looking begins (SO_PEEK_OFF) is the socket's, and before the election all members that have it look: one after the other, by a lock of the process on it (fcntl(2)).
class Turn {
 public:
  explicit Turn(int socket) noexcept : socket_(socket) { set(F_WRLCK); }
  Turn(const Turn&) = delete;
  ~Turn() { set(F_UNLCK); }

 private:
  void set(short type) noexcept {
    struct flock whole{};
    whole.l_type = type, whole.l_whence = SEEK_SET;
    while (sys::call(SYS_fcntl, socket_, F_SETLKW, &whole) == -EINTR) {
    }
  }

  int socket_;
};

}  // namespace

Status BorrowedDescriptors::borrow(int socket, Arena& arena) noexcept {
  if (number_option(socket, SO_DOMAIN) != AF_UNIX || number_option(socket, SO_ACCEPTCONN) != 0 || count_in_flight(socket) == 0) return {};
  const Turn turn(socket);
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
