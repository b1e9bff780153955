// Pseudo-terminals of the program's own: both ends are in the computation, or the master is closed.
//
// A slave is the program's own if a member has its master. All that the pair has is recorded with the master, by its process, through a slave of a moment: the
// kernel shows nothing of a slave that was never opened, and opening that would be seen for ever.
// World: hijack, leader.
#include <linux/tty.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "core/image/states/pseudo_terminal.hpp"
#include "core/sys/terminal_content.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/process_record.hpp"
#include "hijack/kinds/kind.hpp"
#include "hijack/kinds/terminal_drain.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

// Documentation/admin-guide/devices.txt: 5:0 /dev/tty, 5:2 /dev/ptmx, 136 and on pseudo-terminals.
bool is_master(const struct stat& status) noexcept { return status.st_rdev == makedev(5, 2); }
bool is_slave(const struct stat& status) noexcept { return major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143; }
bool is_own_terminal(const struct stat& status) noexcept { return status.st_rdev == makedev(5, 0); }
constexpr long kLargeFile = 0100000;  // O_LARGEFILE, which open(2) sets on x86-64 and TIOCGPTPEER does not

std::uint32_t index_of(std::uint64_t device) noexcept { return minor(device) + (major(device) - 136) * 256; }

FixedString<64> node_of(std::uint32_t index) noexcept { return FixedString<64>("/dev/pts/").append_number(index); }

FixedString<64> process_path(std::int32_t pid, std::string_view what) noexcept {
  return FixedString<64>("/proc/").append_signed(pid).append("/").append(what);
}

// The beginning of where a link leads: names of terminals are short.
FixedString<64> short_link(const FixedString<64>& path) noexcept {
  FixedString<64> target;
  const long length = sys::call(SYS_readlinkat, AT_FDCWD, path.c_str(), target.data(), target.capacity());
  target.set_size(length > 0 ? static_cast<std::size_t>(length) : 0);
  return target;
}

enum class Whose { members, everybody };

// Calls visit(pid, descriptor, link) for each descriptor of each process that we may look at, our own first, until it says true. Whether it did.
template <class Visit>
bool any_descriptor(Whose whose, Visit&& visit) noexcept {
  const auto own = static_cast<std::int32_t>(sys::call(SYS_getpid));
  bool found = false;
  const auto look_at = [&](std::int32_t pid) noexcept {
    const OwnedFd directory = open_file(process_path(pid, "fd").c_str(), O_RDONLY | O_DIRECTORY);
    if (!directory.ok()) return;
    const Status walked = for_each_entry(directory.get(), [&](std::string_view name) -> Status {
      if (!found) found = visit(pid, static_cast<int>(Text(name).number()), short_link(process_path(pid, "fd/").append(name)).view());
      return {};
    });
    static_cast<void>(walked);  // it has ended meanwhile
  };
  look_at(own);
  const OwnedFd processes = open_file("/proc", O_RDONLY | O_DIRECTORY);
  if (!processes.ok()) return found;
  const Status walked = for_each_entry(processes.get(), [&](std::string_view name) -> Status {
    const auto pid = static_cast<std::int32_t>(Text(name).number());
    if (!found && pid != 0 && pid != own && (whose == Whose::everybody || is_member(pid))) look_at(pid);
    return {};
  });
  static_cast<void>(walked);
  return found;
}

bool is_master_of(std::int32_t pid, int fd, std::string_view link, std::uint32_t index) noexcept {
  if (!link.ends_with("/ptmx")) return false;
  FixedString<64> path = process_path(pid, "fdinfo/");
  path.append_signed(fd);
  char buffer[1024];
  const std::string_view number = field_of(read_small(path.c_str(), buffer, sizeof buffer), "tty-index:");
  return !number.empty() && Text(number).number() == index;
}

bool members_have_master(std::uint32_t index) noexcept {
  return any_descriptor(Whose::members, [&](std::int32_t pid, int fd, std::string_view link) noexcept { return is_master_of(pid, fd, link, index); });
}

bool recognise(Description& description) noexcept {
  const struct stat& status = description.status;
  if (!S_ISCHR(status.st_mode)) return false;
  bool own = false;
  if (is_master(status)) {
    std::uint32_t index = 0;
    struct stat node {};
    // The master of the terminal that the program was launched from came to it by accident.
    own = sys::call(SYS_ioctl, description.fd, TIOCGPTN, &index) == 0 &&
          (sys::call(SYS_newfstatat, AT_FDCWD, node_of(index).c_str(), &node, 0) < 0 || stdio_index(node) < 0);
  } else if (is_slave(status)) {
    sys::TerminalModes modes;
    own = stdio_index(status) < 0 && (sys::get_modes(description.fd, modes) == -EIO || members_have_master(index_of(status.st_rdev)));
  } else if (is_own_terminal(status)) {
    unsigned device = 0;
    // Of two terminals with one number, the program's and its launcher's, this can only be the one whose session a member leads.
    own = sys::call(SYS_ioctl, description.fd, TIOCGDEV, &device) == 0 && major(device) >= 136 && major(device) <= 143 &&
          is_member(static_cast<std::int32_t>(sys::call(SYS_getsid, 0))) && members_have_master(index_of(device));
  }
  if (own) description.record.kind = image::DescriptionKind::pseudo_terminal;
  return own;
}

Error refused(std::string_view why, std::uint32_t index) noexcept {
  return error(ErrorCode::unsupported, node_of(index)).with(why);
}

// The slave, opened for a moment. What must be lifted for that is put back when it goes.
class Peer {
 public:
  Peer(int master, std::uint32_t index, image::PseudoTerminal& state) noexcept : master_(master), index_(index), state_(state) {}
  ~Peer() {
    if (state_.exclusive && slave_.ok()) sys::call(SYS_ioctl, slave_.get(), TIOCEXCL);
    if (state_.locked) set_lock(1);
  }
  Status open() noexcept {
    if (state_.locked) set_lock(0);
    slave_ = open_slave();
    if (slave_.get() == -EBUSY) {
      state_.exclusive = lift_exclusion();
      slave_ = open_slave();
    }
    if (!slave_.ok()) return system_error(FixedString<320>("open ").append(node_of(index_)), slave_.get());
    int exclusive = 0;
    if (sys::call(SYS_ioctl, slave_.get(), TIOCGEXCL, &exclusive) == 0 && exclusive != 0) state_.exclusive = true;
    return {};
  }
  int get() const noexcept { return slave_.get(); }

 private:
  void set_lock(int locked) const noexcept { sys::call(SYS_ioctl, master_, TIOCSPTLCK, &locked); }
  OwnedFd open_slave() const noexcept { return OwnedFd(sys::call(SYS_ioctl, master_, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)); }
  // By somebody's descriptor of it: there is no other way in.
  bool lift_exclusion() const noexcept {
    const FixedString<64> node = node_of(index_);
    return any_descriptor(Whose::members, [&](std::int32_t pid, int fd, std::string_view link) noexcept {
      if (link != node.view()) return false;
      const OwnedFd process(sys::call(SYS_pidfd_open, pid, 0));
      const OwnedFd copy(sys::call(SYS_pidfd_getfd, process.get(), fd, 0));
      return sys::call(SYS_ioctl, copy.get(), TIOCNXCL) == 0;
    });
  }

  int master_;
  std::uint32_t index_;
  image::PseudoTerminal& state_;
  OwnedFd slave_;
};

// Who has the slave open, if anybody has: -1 nobody, 0 a member, else the process outside the computation.
std::int32_t holder_of_slave(std::uint32_t index) noexcept {
  const FixedString<64> node = node_of(index);
  if (any_descriptor(Whose::members, [&](std::int32_t, int, std::string_view link) noexcept { return link == node.view(); })) return 0;
  struct stat wanted {};
  if (sys::call(SYS_newfstatat, AT_FDCWD, node.c_str(), &wanted, 0) < 0) return -1;
  std::int32_t outside = -1;
  any_descriptor(Whose::everybody, [&](std::int32_t pid, int fd, std::string_view link) noexcept {
    struct stat found {};
    FixedString<64> path = process_path(pid, "fd/");
    path.append_signed(fd);
    if (link != node.view() || sys::call(SYS_newfstatat, AT_FDCWD, path.c_str(), &found, 0) < 0 || found.st_ino != wanted.st_ino || found.st_dev != wanted.st_dev) return false;
    outside = pid;
    return true;
  });
  return outside;
}

Status record_pair(int master, image::PseudoTerminal& state, Sink& sink) noexcept {
  int value = 0;
  if (sys::call(SYS_ioctl, master, TIOCGPTLCK, &value) == 0) state.locked = value != 0;
  if (sys::call(SYS_ioctl, master, TIOCGPKT, &value) == 0) state.packet = value != 0;
  if (sys::call(SYS_ioctl, master, TIOCGSID, &value) == 0) state.session = programs_id(value);
  if (sys::call(SYS_ioctl, master, TIOCGPGRP, &value) == 0) state.foreground = programs_id(value);
  winsize size{};
  if (const long result = sys::call(SYS_ioctl, master, TIOCGWINSZ, &size); result < 0) return system_error("TIOCGWINSZ", result);
  state.size = sink.arena.copy({reinterpret_cast<const char*>(&size), sizeof size});
  struct stat node {};
  if (sys::call(SYS_newfstatat, AT_FDCWD, node_of(state.index).c_str(), &node, 0) == 0) state.node_mode = node.st_mode & 07777;
  if (state.session > 0 && !is_member(kernels_id(state.session))) return refused("it is the controlling terminal of a process outside the computation", state.index);

  state.slave_opened = sys::is_ready(master, POLLHUP, 0);
  if (!state.slave_opened) {
    const std::int32_t holder = holder_of_slave(state.index);
    if (holder > 0) return refused(FixedString<64>("process ").append_signed(holder).append(" outside the computation has the other end open"), state.index);
    state.slave_opened = holder == 0 || sys::is_ready(master, POLLHUP, 0);  // somebody may have closed it while we looked
  }
  if (!state.slave_opened) {
    sys::TerminalModes modes;
    if (const long result = sys::get_modes(master, modes); result < 0) return system_error("TCGETS2", result);
    state.modes = sink.arena.copy(modes.bytes());
    if (sys::call(SYS_ioctl, master, FIONREAD, &value) == 0 && value != 0) return refused("it was written to before its other end was opened", state.index);
    return {};
  }
  Peer peer(master, state.index, state);
  STASIS_TRY(peer.open());
  return look_into_terminal(master, peer.get(), state, sink.arena);
}

Status record(Description& description, Sink& sink) noexcept {
  image::PseudoTerminal state;
  if (is_slave(description.status)) {
    sys::TerminalModes modes;
    state.end = image::TerminalEnd::slave;
    state.index = index_of(description.status.st_rdev);
    state.master_closed = sys::get_modes(description.fd, modes) == -EIO;
    state.by_master = (sys::call(SYS_fcntl, description.fd, F_GETFL) & kLargeFile) == 0;
    return set_state(description, sink.arena, state);
  }
  if (is_own_terminal(description.status)) {
    unsigned device = 0;
    sys::call(SYS_ioctl, description.fd, TIOCGDEV, &device);
    state.end = image::TerminalEnd::slave;
    state.index = index_of(device);
    return set_state(description, sink.arena, state);
  }
  if (const long result = sys::call(SYS_ioctl, description.fd, TIOCGPTN, &state.index); result < 0) return system_error("TIOCGPTN", result);
  const int master = description.fd;
  const long flags = sys::call(SYS_fcntl, master, F_GETFL);
  sys::call(SYS_fcntl, master, F_SETFL, (flags | O_NONBLOCK) & ~O_ASYNC);  // nobody shall get a SIGIO for what we do
  const Status recorded = record_pair(master, state, sink);
  sys::call(SYS_fcntl, master, F_SETFL, flags);
  STASIS_TRY(recorded);
  return set_state(description, sink.arena, state);
}

}  // namespace

const Kind kinds_detail::pseudo_terminal{recognise, record};

}  // namespace stasis::hijack
