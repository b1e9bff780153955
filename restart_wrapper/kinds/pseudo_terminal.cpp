// Pseudo-terminals of the program's own.
//
// Their names must be the old ones, and somebody else may have these numbers now: so they are made in an instance of devpts of the computation's own, mounted
// where the program looks for it. Numbers are given lowest first; what is made on the way to a number that nobody wants goes again. The terminal that the
// program was launched from is not in that instance: it is mounted under its old name on a number that is kept from being given. Without a namespace the numbers are to be had in
// the machine's instance, if nobody has them. Both ends are
// open when the terminal gets its content; who leads a session takes its terminal when it is born (birth.cpp).
// World: programs.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "core/sys/terminal_content.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr const char* kDirectory = "/dev/pts";
constexpr const char* kMultiplexer = "/dev/ptmx";
constexpr long kMagic = 0x1cd1;  // DEVPTS_SUPER_MAGIC

std::string node_of(std::uint32_t index) { return std::string(kDirectory) + "/" + std::to_string(index); }

struct Pair {
  const Description* master = nullptr;  // null: it is closed
  image::PseudoTerminal state;          // the master's
  std::vector<const Description*> slaves;
};

Result<std::map<std::uint32_t, Pair>> pairs_of(std::span<const Description* const> all) {
  std::map<std::uint32_t, Pair> pairs;
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::PseudoTerminal state, state_of<image::PseudoTerminal>(*one));
    Pair& pair = pairs[state.index];
    if (state.end == image::TerminalEnd::slave) {
      pair.slaves.push_back(one);
    } else {
      pair.master = one;
      pair.state = state;
    }
  }
  return pairs;
}

Status check(const Computation&, std::span<const Description* const> all) {
  STASIS_TRY_VALUE(const auto pairs, pairs_of(all));
  for (const auto& [index, pair] : pairs) {
    if (pair.master != nullptr) continue;
    for (const Description* slave : pair.slaves) {
      STASIS_TRY_VALUE(const image::PseudoTerminal state, state_of<image::PseudoTerminal>(*slave));
      if (!state.master_closed) return error(ErrorCode::image_damaged, label(*slave)).with("no image has the other end");
    }
  }
  return {};
}

// What is mounted there shall not be seen outside the namespace: by root it would be, who has no user namespace (mount_namespaces(7)).
Status keep_inside(const char* path) {
  for (const char* mounted : {path, "/dev", "/"})
    if (::mount(nullptr, mounted, nullptr, MS_SLAVE, nullptr) == 0) return {};
  return system_error(std::string("keep mounts inside ") + path, -errno);
}

// How new terminals are protected in the instance that the program knows: the option mode of the last that is mounted there (proc_pid_mountinfo(5)).
std::string node_mode() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string mode = "600";  // the kernel's default
  for (std::string line; std::getline(mounts, line);) {
    const auto type = line.find(" - devpts ");
    const auto option = type == std::string::npos ? type : line.find(",mode=", type);
    if (option == std::string::npos || line.find(" /dev/pts ") > type) continue;
    const auto value = option + std::string_view(",mode=").size();
    mode = line.substr(value, line.find_first_not_of("01234567", value) - value);
  }
  return mode;
}

// Mounts an instance of our own, in which nobody has a number. Returns the directory that it covers.
Result<int> mount_instance() {
  const int covered = ::open(kDirectory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (covered < 0) return system_error(std::string("open ") + kDirectory, -errno);
  STASIS_TRY(keep_inside(kDirectory));
  if (::mount("devpts", kDirectory, "devpts", MS_NOSUID | MS_NOEXEC, ("newinstance,ptmxmode=0666,mode=" + node_mode()).c_str()) != 0)
    return system_error(std::string("mount ") + kDirectory, -errno);
  // Where it is a file of the covered instance, not the device that looks for the directory beside it.
  struct statfs system{};
  struct stat multiplexer{}, directory{};
  const bool other = ::statfs(kMultiplexer, &system) == 0 && system.f_type == kMagic && ::stat(kMultiplexer, &multiplexer) == 0 &&
                     ::stat(kDirectory, &directory) == 0 && multiplexer.st_dev != directory.st_dev;
  if (other) STASIS_TRY(keep_inside(kMultiplexer));
  if (other && ::mount("/dev/pts/ptmx", kMultiplexer, nullptr, MS_BIND, nullptr) != 0) return system_error(std::string("mount ") + kMultiplexer, -errno);
  return covered;
}

// The terminals that the program was launched from: number of the name -> what takes their place.
std::map<std::uint32_t, int> launch_terminals(const Workshop& workshop) {
  std::map<std::uint32_t, int> found;
  const std::string directory = std::string(kDirectory) + "/";
  for (const auto& [id, description] : workshop.computation->descriptions) {
    const std::string path = label(description);
    if (description.record.kind != image::DescriptionKind::terminal || !path.starts_with(directory) || path.size() == directory.size()) continue;
    const std::string number = path.substr(directory.size());
    if (number.find_first_not_of("0123456789") == std::string::npos) found.emplace(static_cast<std::uint32_t>(std::stoul(number)), terminal_of(workshop, description));
  }
  return found;
}

// Gives the terminal behind `terminal` the name of `index`. Where that cannot be, it has no name.
bool name_terminal(int terminal, int covered, std::uint32_t index) {
  char text[PATH_MAX] = {};
  if (::isatty(terminal) == 0 || ::readlink(("/proc/self/fd/" + std::to_string(terminal)).c_str(), text, sizeof text - 1) <= 0) return false;
  std::string source = text;
  const std::string directory = std::string(kDirectory) + "/";
  if (source.starts_with(directory)) source = "/proc/self/fd/" + std::to_string(covered) + "/" + source.substr(directory.size());
  struct stat named{}, wanted{};
  if (::stat(source.c_str(), &named) != 0 || ::fstat(terminal, &wanted) != 0 || named.st_dev != wanted.st_dev || named.st_ino != wanted.st_ino) return false;
  return ::mount(source.c_str(), node_of(index).c_str(), nullptr, MS_BIND, nullptr) == 0;
}

// A description that is called /dev/tty: only who has a terminal can open it by that name. So somebody has `slave` for a moment.
Result<int> open_as_own_terminal(int slave, int flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create a pipe", -errno);
  const UniqueFd reading(ends[0]), writing(ends[1]);
  const long child = ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return system_error("fork", -errno);
  if (child == 0) {
    ::setsid();
    int fd = ::ioctl(slave, TIOCSCTTY, 0) == 0 ? ::open("/dev/tty", flags) : -1;
    if (fd < 0) fd = -errno;
    ::ioctl(slave, TIOCNOTTY);
    [[maybe_unused]] const ssize_t told = ::write(writing.get(), &fd, sizeof fd);
    ::_exit(0);
  }
  ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  int fd = -ECHILD;
  if (::read(reading.get(), &fd, sizeof fd) != sizeof fd || fd < 0) return system_error("open /dev/tty", fd);
  return fd;
}

Status open_slave(Workshop& workshop, const Description& description, std::uint32_t index, int master, int slave) {
  const image::DescriptionRecord& record = description.record;
  STASIS_TRY_VALUE(const image::PseudoTerminal state, state_of<image::PseudoTerminal>(description));
  int fd = -1;
  if (record.path == "/dev/tty") {
    STASIS_TRY_VALUE(fd, open_as_own_terminal(slave, open_flags(record) & ~O_NOCTTY));
  } else {
    // The kernel keeps O_CLOEXEC with the description here, where it is seen.
    const int peer_flags = (open_flags(record) & ~O_CLOEXEC) | (static_cast<int>(record.status_flags) & O_CLOEXEC);
    fd = state.by_master ? ::ioctl(master, TIOCGPTPEER, peer_flags) : ::open(node_of(index).c_str(), open_flags(record));
    if (fd < 0) return system_error("open " + node_of(index), -errno);
  }
  if ((record.status_flags & O_ASYNC) != 0 && ::fcntl(fd, F_SETFL, static_cast<int>(record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0)
    return system_error("set the flags of " + node_of(index), -errno);
  return workshop.put(record.id, fd);
}

// A pair that was full has small buffers in reserve, for which the kernel's limit does not count (tty_buffer.c): a new one that shall hold as much must have
// been full, too. From `writer` to `reader`.
Status fill_and_empty(int writer, int reader) {
  const std::string bytes(256, 'x');
  for (int arrived = 0, waited_ms = 0; arrived < static_cast<int>(sys::kLineBuffer);) {
    while (::write(writer, bytes.data(), bytes.size()) > 0) {
    }
    if (::ioctl(reader, FIONREAD, &arrived) != 0) return system_error("FIONREAD", -errno);
    if (++waited_ms > sys::kTerminalPatienceMs) return error(ErrorCode::restore_failed, "a new pseudo-terminal does not take what is written to it");
    ::poll(nullptr, 0, 1);
  }
  while (::write(writer, bytes.data(), bytes.size()) > 0) {
  }
  std::string buffer(1u << 16, '\0');
  while (::read(reader, buffer.data(), buffer.size()) > 0) {
  }
  return {};
}

Status prepare_room(const image::PseudoTerminal& state, int master, int slave) {
  sys::TerminalModes modes;
  if (!modes.take(state.modes)) return error(ErrorCode::image_damaged, node_of(state.index)).with("its modes are not there");
  modes = sys::typing_modes(modes, {});
  modes.local = 0;
  if (const long result = sys::set_modes(slave, modes); result < 0) return system_error("set the modes of " + node_of(state.index), result);
  if (state.output.size() > sys::kLineBuffer) STASIS_TRY(fill_and_empty(slave, master));
  if (!state.later_input.empty()) STASIS_TRY(fill_and_empty(master, slave));
  return {};
}

// Where the master is closed: it goes last.
Status make_hung_up(Workshop& workshop, const Pair& pair, std::uint32_t index, UniqueFd master) {
  int unlocked = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) return system_error("unlock " + node_of(index), -errno);
  for (const Description* one : pair.slaves) STASIS_TRY(open_slave(workshop, *one, index, master.get(), -1));
  return {};
}

Status make_pair(Workshop& workshop, const Pair& pair, std::uint32_t index, UniqueFd master) {
  const image::PseudoTerminal& state = pair.state;
  int lock = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &lock) != 0) return system_error("unlock " + node_of(index), -errno);
  if (state.size.size() == sizeof(winsize)) ::ioctl(master.get(), TIOCSWINSZ, state.size.data());
  if (state.node_mode != 0) ::chmod(node_of(index).c_str(), state.node_mode);
  if (!state.slave_opened) {
    sys::TerminalModes modes;
    if (!modes.take(state.modes)) return error(ErrorCode::image_damaged, node_of(index)).with("its modes are not there");
    if (const long result = sys::set_modes(master.get(), modes); result < 0) return system_error("set the modes of " + node_of(index), result);
    int packets = state.packet ? 1 : 0;
    ::ioctl(master.get(), TIOCPKT, &packets);
  } else {
    UniqueFd slave(::open(node_of(index).c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!slave) return system_error("open " + node_of(index), -errno);
    STASIS_TRY(prepare_room(state, master.get(), slave.get()));
    if (const long result = sys::TerminalRefill(master.get(), slave.get(), state).run(); result < 0) return system_error("fill " + node_of(index), result);
    for (const Description* one : pair.slaves) STASIS_TRY(open_slave(workshop, *one, index, master.get(), slave.get()));
    if (state.exclusive) ::ioctl(slave.get(), TIOCEXCL);
    if (state.session != 0) {
      STASIS_TRY_VALUE(const int kept, workshop.numbers->move(slave.release()));
      workshop.terminals[state.session] = {kept, state.foreground};
    }
  }
  lock = state.locked ? 1 : 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &lock) != 0) return system_error("lock " + node_of(index), -errno);
  const auto flags = static_cast<int>(pair.master->record.status_flags) & (O_NONBLOCK | O_ASYNC);
  if (::fcntl(master.get(), F_SETFL, flags) != 0) return system_error("set the flags of a master", -errno);
  return workshop.put(pair.master->record.id, master.release());
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  STASIS_TRY_VALUE(const auto pairs, pairs_of(all));
  UniqueFd covered;  // not where we may not mount
  std::map<std::uint32_t, int> launched;
  if (!workshop.ids->are_translated()) {
    STASIS_TRY_VALUE(const int directory, mount_instance());
    covered.reset(directory);
    launched = launch_terminals(workshop);
  }
  std::uint32_t last = pairs.rbegin()->first;
  if (!launched.empty() && launched.rbegin()->first > last) last = launched.rbegin()->first;

  std::vector<UniqueFd> unwanted;
  for (std::uint32_t index = 0; index <= last; ++index) {
    auto pair = pairs.find(index);
    const bool has_master = pair != pairs.end() && pair->second.master != nullptr;
    const std::string path = has_master ? label(*pair->second.master) : kMultiplexer;
    UniqueFd master(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    std::uint32_t number = ~0u;
    if (!master || ::ioctl(master.get(), TIOCGPTN, &number) != 0) return system_error("make " + node_of(index), -errno);
    if (number != index) {
      const auto lost = pairs.lower_bound(index);
      if (covered || number < index || (lost != pairs.end() && lost->first < number))
        return error(ErrorCode::restore_failed, node_of(lost == pairs.end() ? index : lost->first)).with("a pseudo-terminal with this number cannot be made");
      index = number;  // the numbers between are other people's
      pair = pairs.find(index);
    }
    if (pair != pairs.end()) {
      STASIS_TRY(pair->second.master != nullptr ? make_pair(workshop, pair->second, index, std::move(master)) : make_hung_up(workshop, pair->second, index, std::move(master)));
    } else if (const auto launch = launched.find(index); launch != launched.end() && name_terminal(launch->second, covered.get(), index)) {
      STASIS_TRY_VALUE(const int kept, workshop.numbers->move(master.release()));
      workshop.held.push_back(kept);
    } else {
      unwanted.push_back(std::move(master));
    }
  }
  return {};
}

}  // namespace

const Kind kinds_detail::pseudo_terminal{image::DescriptionKind::pseudo_terminal, check, recreate};

}  // namespace stasis::restart
