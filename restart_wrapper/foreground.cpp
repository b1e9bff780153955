// Standing in for the program, see foreground.hpp.
//
// Signals are taken from a signalfd, which tells who sent them: what the terminal's keys made (si_code SI_KERNEL) has reached the program already when it is
// in our session. In a batch job SIGTERM and SIGURG are notices of the batch system and are offered to the coordinator first.
// Until the program is back what comes is held, as the kernel would hold it for a process that blocks its signals. Only a second SIGINT is for us:
// somebody at a terminal does not want to wait.
// World: programs, the outer process.
#include "restart_wrapper/foreground.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/environment.hpp"
#include "core/proto/framed.hpp"
#include "core/proto/messages.hpp"
#include "core/sys/terminal_modes.hpp"
#include "restart_wrapper/control.hpp"
#include "restart_wrapper/namespace.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr int kRedrawPatienceMs = 500;
constexpr std::array kPassedOn{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP, SIGURG};

// Whether the process has gone on from the checkpoint (nobody of the program blocks the stop signal) and waits for something.
bool is_waiting(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  bool sleeps = false, goes_on = false;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) sleeps = line.find('S', 6) != std::string::npos;
    if (line.starts_with("SigBlk:")) goes_on = (std::stoull(line.substr(7), nullptr, 16) >> (kStopSignal - 1) & 1) == 0;
  }
  return sleeps && goes_on;
}

// All processes of the namespace that `first` is process 1 of, but for our own.
std::vector<pid_t> processes_of(pid_t first) {
  const auto link_of = [](const std::string& process, const char* link) {
    std::error_code gone;
    return std::filesystem::read_symlink("/proc/" + process + link, gone).string();
  };
  const std::string wanted = link_of(std::to_string(first), "/ns/pid"), own = link_of("self", "/exe");
  std::vector<pid_t> found;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos || wanted.empty() || link_of(name, "/ns/pid") != wanted || link_of(name, "/exe") == own) continue;
    found.push_back(std::atoi(name.c_str()));
  }
  return found;
}

// A signal that comes before a process waits does not end its waiting, and many programs look for what a handler has noted only then; and one program passes a
// change of size on to the next. Nothing tells when a process waits; those that compute are not waited for long.
void wait_until_all_wait(pid_t first) {
  int waited_ms = 0;
  for (const pid_t pid : processes_of(first))
    for (; waited_ms != kRedrawPatienceMs && ::kill(pid, 0) == 0 && !is_waiting(pid); ++waited_ms) ::poll(nullptr, 0, 1);
}

class StandIn {
 public:
  StandIn(const Foreground& how, Signals& signals) : how_(how), signals_(signals) {}

  Outcome wait() {
    while (!done_) {
      pollfd events[] = {{how_.control_fd, POLLIN, 0}, {signals_.fd, POLLIN, 0}, {notice_.get(), POLLIN, 0}};
      const int ready = ::poll(events, notice_ ? 3 : 2, -1);
      if (ready < 0) continue;
      // The message first: a SIGINT that came after it is the program's.
      if (events[0].revents != 0) take_message();
      if (!done_ && events[1].revents != 0) take_signal();
      if (!done_ && notice_ && events[2].revents != 0) take_answer();
    }
    return outcome_;
  }

 private:
  void take_message();
  void take_signal();
  void hold(int signal);
  void deliver(int signal);
  void deliver_held();
  void pass_on(int signal);
  void offer(int signal);
  void take_answer();
  void redraw() const;
  void end_first_process();

  const Foreground& how_;
  Signals& signals_;
  UniqueFd root_;      // pidfd of the program's first process
  UniqueFd notice_;    // connection to the coordinator while a notice is open
  int offered_ = 0;    // the signal it is about
  bool root_ended_ = false;
  bool done_ = false;
  Outcome outcome_;
};

void StandIn::take_message() {
  ControlMessage message;
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part, header.msg_iovlen = 1, header.msg_control = space, header.msg_controllen = sizeof space;
  const ssize_t got = ::recvmsg(how_.control_fd, &header, MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EINTR) return;
  if (got != sizeof message) {
    // Process 1 is gone. After the program was back this is the end of all its processes without a first one among them.
    done_ = true;
    if (!outcome_.restored) outcome_.failure = error(ErrorCode::restore_failed, "the first process of the namespace ended");
    end_first_process();
    return;
  }
  if (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    root_.reset(fd);
  }
  switch (message.event) {
    case Event::restored:
      outcome_.restored = true;
      done_ = root_ended_;
      redraw();
      if (!done_) deliver_held();
      return;
    case Event::root_ended:
      // Told by whoever waited for it, which may be before the first process of the namespace says that all are back, or that they are not.
      outcome_.killed = WIFSIGNALED(message.status);
      outcome_.exit_status = WIFSIGNALED(message.status) ? 128 + WTERMSIG(message.status) : WEXITSTATUS(message.status);
      root_ended_ = true;
      done_ = outcome_.restored;
      return;
    case Event::failed:
      outcome_.failure = error(static_cast<ErrorCode>(message.failure.code), std::string_view(message.failure.text, std::min<std::size_t>(message.failure.length, sizeof message.failure.text)));
      outcome_.failure.sys_errno = message.failure.sys_errno;
      done_ = true;
      end_first_process();
  }
}

// The terminal is another one, or shows what has been written to it since: who draws on it draws again, as after a change of its size. Nobody else minds.
void StandIn::redraw() const {
  if (!how_.has_terminal) return;
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  const pid_t group = terminal ? ::tcgetpgrp(terminal.get()) : -1;
  wait_until_all_wait(how_.first_process);
  if (group > 0 && group != ::getpgrp()) ::kill(-group, SIGWINCH);
  else if (root_) ::syscall(SYS_pidfd_send_signal, root_.get(), SIGWINCH, nullptr, 0);
}

// Everything in the namespace ends with its first process, and is gone when that has been waited for. Where there is none those become our children whose parents end, and
// end likewise.
void StandIn::end_first_process() {
  ::kill(how_.first_process, SIGKILL);
  while (::waitpid(how_.first_process, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!how_.in_namespace) end_all_children();
}

void StandIn::take_signal() {
  signalfd_siginfo info;
  if (::read(signals_.fd, &info, sizeof info) != sizeof info) return;
  const int signal = static_cast<int>(info.ssi_signo);
  if (!outcome_.restored) return hold(signal);
  const bool from_keys = info.ssi_code == SI_KERNEL && how_.share_session;
  if (!from_keys) deliver(signal);
  if (signal == SIGTSTP) ::raise(SIGSTOP);
}

void StandIn::hold(int signal) {
  std::vector<int>& held = signals_.held;
  const bool again = std::find(held.begin(), held.end(), signal) != held.end();
  if (signal == SIGINT && again) {
    end_first_process();
    outcome_.called_off = true;
    outcome_.exit_status = 128 + SIGINT;
    done_ = true;
    return;
  }
  // A stop and its end cancel each other, as pending signals do (signal(7)).
  if (signal == SIGCONT) std::erase(held, SIGTSTP);
  if (signal == SIGTSTP) std::erase(held, SIGCONT);
  if (!again) held.push_back(signal);
}

// What the terminal's keys made goes to the program too: it may have come before any process of the program was there to get it.
void StandIn::deliver_held() {
  const std::vector<int> held = std::exchange(signals_.held, {});
  for (const int signal : held) deliver(signal);
  if (std::find(held.begin(), held.end(), SIGTSTP) != held.end()) ::raise(SIGSTOP);
}

void StandIn::deliver(int signal) {
  if (how_.batch && (signal == SIGTERM || signal == SIGURG)) return offer(signal);
  if (signal != SIGURG) pass_on(signal);
}

void StandIn::pass_on(int signal) {
  if (root_) ::syscall(SYS_pidfd_send_signal, root_.get(), signal, nullptr, 0);
}

template <class Message>
bool send_message(int fd, const Message& message) {
  const std::string bytes = proto::framed(message);
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

// Offers a notice to the coordinator. If that cannot be reached the program gets the signal.
void StandIn::offer(int signal) {
  if (notice_) return;  // the coordinator is at it
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, how_.coordinator_socket.c_str(), sizeof address.sun_path - 1);
  UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  proto::Hello hello;
  hello.notice = true;
  hello.computation = how_.computation;
  hello.program = "stasis restart";
  proto::Notice notice;
  notice.signal = signal;
  if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || !send_message(connection.get(), hello) ||
      !send_message(connection.get(), notice))
    return pass_on(signal);
  offered_ = signal;
  notice_ = std::move(connection);
}

void StandIn::take_answer() {
  std::array<char, 512> bytes{};
  const ssize_t got = ::recv(notice_.get(), bytes.data(), bytes.size(), 0);
  proto::FrameHeader header;
  proto::NoticeAnswer answer;
  if (got >= static_cast<ssize_t>(sizeof header)) {
    std::memcpy(&header, bytes.data(), sizeof header);
    Reader reader({bytes.data() + sizeof header, static_cast<std::size_t>(got) - sizeof header});
    if (header.type == static_cast<std::uint16_t>(proto::MessageType::notice_answer)) reader.record(answer);
  }
  notice_.reset();
  if (!answer.held) pass_on(offered_);
}

}  // namespace

Result<Signals> hold_signals() {
  sigset_t set;
  ::sigfillset(&set);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) ::sigdelset(&set, signal);
  if (::sigprocmask(SIG_SETMASK, &set, nullptr) != 0) return system_error("block signals", -errno);
  ::sigemptyset(&set);
  for (const int signal : kPassedOn) {
    ::signal(signal, SIG_DFL);  // a caller may have us ignore them (nohup, background shells): the program decides for itself
    ::sigaddset(&set, signal);
  }
  Signals signals;
  signals.fd = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (signals.fd < 0) return system_error("make a descriptor for signals", -errno);
  return signals;
}

Outcome stand_in_for_program(const Foreground& how, Signals& signals) {
  if (!how.in_namespace) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // before anybody has something to end for: the first process has just been forked
  // The program may have had the terminal's foreground; who started us gets it back as we got it. SIGTTOU is blocked.
  const int terminal = how.share_session ? ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
  const pid_t foreground = terminal >= 0 ? ::tcgetpgrp(terminal) : -1;
  sys::TerminalModes modes;
  const bool has_modes = how.has_terminal && sys::get_modes(terminal, modes) == 0;
  const Outcome outcome = StandIn(how, signals).wait();
  if (outcome.restored) ::send(how.control_fd, &kFarewell, sizeof kFarewell, MSG_NOSIGNAL);  // what runs in the background goes on
  // A program that ends by itself leaves the terminal as it wants to; a killed one, or one that was never there, does not.
  if (has_modes && (!outcome.restored || outcome.killed)) sys::set_modes(terminal, modes);
  if (foreground == ::getpgrp() && ::tcgetpgrp(terminal) != foreground) ::tcsetpgrp(terminal, foreground);
  if (terminal >= 0) ::close(terminal);
  return outcome;
}

}  // namespace stasis::restart
