// Process 1 of the new namespace, see first_process.hpp.
//
// When it ends, the kernel ends everything in the namespace: a failed attempt is undone by leaving.
// World: programs, inside the new namespace.
#include "restart_wrapper/first_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "core/environment.hpp"
#include "core/run_directory.hpp"
#include "core/image/states/terminal.hpp"
#include "core/proto/framed.hpp"
#include "core/proto/messages.hpp"
#include "core/store/manifest.hpp"
#include "core/sys/terminal_modes.hpp"
#include "restart_wrapper/birth.hpp"
#include "restart_wrapper/choose.hpp"
#include "restart_wrapper/clocks.hpp"
#include "restart_wrapper/control.hpp"
#include "restart_wrapper/coordinator_voice.hpp"
#include "restart_wrapper/kinds/file_locks.hpp"
#include "restart_wrapper/meeting.hpp"
#include "restart_wrapper/member.hpp"
#include "restart_wrapper/shared_memory.hpp"
#include "restart_wrapper/system_v.hpp"
#include "restart_wrapper/unique_fd.hpp"

#include <linux/futex.h>

namespace stasis::restart {
namespace {

// No step of the tree and no start of a coordinator takes this long on a machine that works; reading memory back has no deadline.
constexpr int kDeadlineMs = 60'000;

// Where the coordinator finds what it is given (stasis-coordinator(8): --ready-fd, --streams).
constexpr int kReadyFd = 3, kTaskOutput = 4, kTaskError = 5;

// An attempt that is off, or a program that nobody stands for any more. Async-signal-safe.
[[noreturn]] void leave(const FirstProcess& how) {
  if (!how.identity.in_namespace) end_all_children();
  ::_exit(1);
}

class Attempt {
 public:
  Attempt(Site& site, const FirstProcess& how) : site_(site), how_(how) {}

  Status make() {
    Status status = make_all();
    return status.ok() ? std::move(status) : Status(reason_of(status.error()));
  }

  // Sends `event`, with a pidfd of the program's first process when it is alive.
  void tell(Event event, const Error& failure, int pidfd) const;
  int root_pidfd() const {
    const auto root = members_.find(site_.computation->root);
    return root == members_.end() ? -1 : root->second;
  }

 private:
  Status make_all() {
    STASIS_TRY(furnish_namespace(how_.identity));
    site_.first_process = ::getpid();
    bool clocks_go_on = false;
    if (how_.identity.in_namespace) {
      STASIS_TRY_VALUE(clocks_go_on, continue_clocks(*site_.computation));
    }
    ::prctl(PR_SET_NAME, "stasis-init", 0, 0, 0);
    if (site_.tree.first_leads_session) ::setsid();
    if (site_.tree.first_leads_group) ::setpgid(0, 0);
    STASIS_TRY(prepare_status_pipe());
    if (how_.identity.in_namespace) raise_last_id();
    if (how_.manifest.parts.size() > 1) STASIS_TRY(meeting_.emplace(how_.manifest, how_.part, site_.control_fd).open());
    STASIS_TRY(start_coordinator());
    if (meeting_) STASIS_TRY(prepare_meeting());
    if (!how_.identity.in_namespace) STASIS_TRY(translate_ids());
    if (!clocks_go_on) STASIS_TRY(offset_clocks(*site_.computation, run_directory_of(site_.computation->id)));
    STASIS_TRY(recreate_descriptions());
    std::uint64_t cursor = site_.shared.start;
    STASIS_TRY(recreate_system_v(site_, cursor));
    STASIS_TRY(recreate_shared_memory(site_, cursor));
    STASIS_TRY(make_tree());
    STASIS_TRY(collect_successes());
    STASIS_TRY(meet_others());
    return coordinator_.wait_for("running", -1, site_.control_fd);  // on other nodes it may take as long as it takes; the root sees who is lost
  }

  Status prepare_status_pipe();
  Status start_coordinator();
  Status prepare_meeting();
  Status meet_others();
  Status translate_ids();
  Status recreate_descriptions();
  Status complete_descriptions();
  std::vector<const Description*> all_of(const Kind& kind) const;
  void raise_last_id() const;
  Status make_tree();
  bool had_foreground() const;
  Status set_terminals() const;
  void give_terminal() const;
  Status gather(Step step);
  void release(Step step) const;
  void close_copies() const;
  Status collect_successes();
  Result<image::RestoreFailure> next_report(int timeout_ms);
  Error from_report(const image::RestoreFailure& report) const;
  Error reason_of(const Error& failure);

  Site& site_;
  const FirstProcess& how_;
  Workshop workshop_;
  int status_reader_ = -1;
  CoordinatorVoice coordinator_;
  std::optional<Meeting> meeting_;  // of a computation of several parts
  std::string key_;                // of the computation
  std::map<int, int> members_;     // pid -> pidfd of processes that must not end now
  std::map<int, int> open_;        // those that have not reported success
};

void Attempt::tell(Event event, const Error& failure, int pidfd) const {
  ControlMessage message;
  message.event = event;
  message.failure.code = static_cast<std::uint32_t>(failure.code);
  message.failure.sys_errno = failure.sys_errno;
  message.failure.length = static_cast<std::uint32_t>(std::min(failure.detail.size(), sizeof message.failure.text));
  std::memcpy(message.failure.text, failure.detail.c_str(), message.failure.length);
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part, header.msg_iovlen = 1;
  if (pidfd >= 0) {
    header.msg_control = space, header.msg_controllen = sizeof space;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET, rights->cmsg_type = SCM_RIGHTS, rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &pidfd, sizeof pidfd);
  }
  ::sendmsg(site_.control_fd, &header, MSG_NOSIGNAL);
}

Status Attempt::prepare_status_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create the status pipe", -errno);
  STASIS_TRY_VALUE(status_reader_, site_.numbers.move(ends[0]));
  STASIS_TRY_VALUE(site_.status_fd, site_.numbers.move(ends[1]));
  STASIS_TRY_VALUE(site_.control_fd, site_.numbers.move(site_.control_fd));
  return {};
}

// The identities of the new descriptors 0 to 2, in the form of STASIS_STDIO.
std::string identities(const std::array<int, 3>& fds) {
  std::string text;
  for (const int fd : fds) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) status = {};
    char one[64];
    std::snprintf(one, sizeof one, "%s%llx:%llx", text.empty() ? "" : ",", static_cast<unsigned long long>(status.st_dev), static_cast<unsigned long long>(status.st_ino));
    text += one;
  }
  return text;
}

// The coordinator runs in a session of its own, outside the program's ids, without our environment's traces of Stasis.
Status Attempt::start_coordinator() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create a pipe for the coordinator", -errno);
  UniqueFd reading(ends[0]), writing(ends[1]);
  std::set<int> used = site_.computation->ids;
  used.insert(site_.tree.ids.begin(), site_.tree.ids.end());
  STASIS_TRY_VALUE(const int child, fork_with_id(site_.ids, free_id(used), SIGCHLD));
  if (child == 0) {
    ::setsid();
    const std::string stdio = identities(how_.stdio);
    const int ready = ::fcntl(writing.get(), F_DUPFD, kTaskError + 1);  // out of the way of the numbers that are promised
    if (how_.passes_streams) ::dup2(how_.stdio[1], kTaskOutput), ::dup2(how_.stdio[2], kTaskError);
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd != 3; ++fd) ::dup2(null, fd);
    ::dup2(ready, kReadyFd);
    ::syscall(SYS_close_range, how_.passes_streams ? kTaskError + 1 : kReadyFd + 1, ~0u, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const char* name : {"LD_PRELOAD", "STASIS_COMPUTATION", "STASIS_RUN", "STASIS_FAULT"}) ::unsetenv(name);
    ::setenv(environment::kStdio, stdio.c_str(), 1);
    std::vector<std::string> words = how_.coordinator;
    words.insert(words.end(), {"--ready-fd", std::to_string(kReadyFd)});
    if (meeting_) words.insert(words.end(), {"--meeting", std::to_string(meeting_->port())});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    const std::string reason = "error: cannot run " + words.front() + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const ssize_t told = ::write(kReadyFd, reason.data(), reason.size());
    ::_exit(127);
  }
  writing.reset();
  STASIS_TRY_VALUE(const int voice, site_.numbers.move(reading.release()));
  coordinator_ = CoordinatorVoice(voice);
  return coordinator_.wait_for("ready", kDeadlineMs, site_.control_fd);
}

// When the coordinator has made the run directory, and before anybody of the program is there. Orphans see process 1 as their parent, in whose place we are.
Status Attempt::translate_ids() {
  STASIS_TRY(site_.ids.make_table(run_directory_of(site_.computation->id)));
  site_.ids.enter(1, site_.first_process);
  if (how_.share_session) return {};
  // Whoever is in these was in ones that had no id for the program (in a pid namespace of the batch system's or a container's).
  if (::getsid(0) != site_.first_process) site_.ids.lend(kOutside, ::getsid(0));
  if (::getpgrp() != site_.first_process) site_.ids.lend(kOutside, ::getpgrp());
  return {};
}

// The key is the running computation's, which the root coordinator has made.
Status Attempt::prepare_meeting() {
  STASIS_TRY_VALUE(key_, key_of(how_.store));
  meeting_->take_voice(coordinator_, key_);
  workshop_.meeting = &*meeting_;
  return {};
}

// When the processes are there, which launch other parts. Nothing runs on before the coordinator knows that all connections are there.
Status Attempt::meet_others() {
  if (!meeting_) return {};
  STASIS_TRY(meeting_->call_all());
  proto::Request connected;
  connected.verb = proto::Verb::connected;
  connected.key = key_;
  const std::string bytes = proto::framed(connected), path = coordinator_socket_of(site_.computation->id);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  char answer;
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()) || ::recv(connection.get(), &answer, sizeof answer, 0) <= 0)
    return error(ErrorCode::no_coordinator, "it could not be told that the connections are there");
  return {};
}

Status Attempt::recreate_descriptions() {
  workshop_.computation = site_.computation;
  workshop_.numbers = &site_.numbers;
  workshop_.ids = &site_.ids;
  for (std::size_t i = 0; i != 3; ++i) {
    STASIS_TRY_VALUE(workshop_.stdio[i], site_.numbers.copy(how_.stdio[i]));
  }
  workshop_.cut_directory = store::generation_directory(how_.store, site_.computation->generation) + "/cut/" + how_.part;
  for (const Kind& kind : kinds())
    if (const auto all = all_of(kind); !all.empty()) STASIS_TRY(kind.recreate(workshop_, all));
  if (meeting_ && !meeting_->has_received()) STASIS_TRY(meeting_->receive({}, {}));  // there are no sockets, but others may look for them
  site_.fds = workshop_.fds;
  site_.late = workshop_.late;
  site_.terminals = workshop_.terminals;
  site_.held = workshop_.held;
  return {};
}

Status Attempt::complete_descriptions() {
  for (const Kind& kind : kinds())
    if (const auto all = all_of(kind); !all.empty() && kind.complete != nullptr) STASIS_TRY(kind.complete(workshop_, all));
  return take_description_locks(*site_.computation, workshop_.fds);
}

std::vector<const Description*> Attempt::all_of(const Kind& kind) const {
  std::vector<const Description*> all;
  for (const auto& [id, description] : site_.computation->descriptions)
    if (description.record.kind == kind.kind) all.push_back(&description);
  return all;
}

// New processes of the program, and threads of the coordinator, get ids after the old ones, as they would have.
void Attempt::raise_last_id() const {
  const int fd = ::open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  const std::string last = std::to_string(site_.computation->ids.empty() ? 300 : *site_.computation->ids.rbegin());
  [[maybe_unused]] const ssize_t ignored = ::write(fd, last.data(), last.size());
  ::close(fd);
}

Status Attempt::make_tree() {
  STASIS_TRY(fork_children(site_, site_.tree.top));
  STASIS_TRY(gather(Step::created));
  for (const TreeNode& node : site_.tree.nodes) {
    if (node.role != Role::member) continue;
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, site_.ids.kernels(node.pid), 0));
    if (pidfd < 0) return system_error("watch process " + std::to_string(node.pid), -errno);
    STASIS_TRY_VALUE(members_[node.pid], site_.numbers.move(pidfd));
  }
  release(Step::created);
  for (const Step step : {Step::led, Step::joined}) {
    STASIS_TRY(gather(step));
    release(step);
  }
  for (const int index : site_.tree.top) {
    const TreeNode& node = site_.tree.nodes[static_cast<std::size_t>(index)];
    if (node.role == Role::leader || node.role == Role::midwife) ::waitpid(site_.ids.kernels(node.pid), nullptr, 0);
  }
  if (how_.has_terminal) STASIS_TRY(set_terminals());
  if (how_.has_terminal) give_terminal();
  STASIS_TRY(gather(Step::settled));
  release_system_v(site_);
  release_shared_memory(site_);
  STASIS_TRY(complete_descriptions());
  close_copies();  // from the release on the members need us no more to run, and to be checkpointed again
  release(Step::settled);
  return {};
}

// Whether the program had the terminal; else the modes were those of a shell that waited for its next command.
bool Attempt::had_foreground() const {
  const auto& members = site_.computation->members;
  const auto root = std::find_if(members.begin(), members.end(), [&](const image::Image& image) { return image.process().pid == site_.computation->root; });
  return root != members.end() &&
         std::any_of(members.begin(), members.end(), [&](const image::Image& image) { return image.process().group == root->process().foreground_group; });
}

// Terminals that the program was launched from get the modes that it had given them. Their size is what they have here; one that has none gets the old one.
Status Attempt::set_terminals() const {
  for (const auto& [id, description] : site_.computation->descriptions) {
    const auto fd = site_.fds.find(id);
    if (description.record.kind != image::DescriptionKind::terminal || fd == site_.fds.end()) continue;
    STASIS_TRY_VALUE(const image::Terminal state, state_of<image::Terminal>(description));
    sys::TerminalModes modes;
    if (had_foreground() && modes.take(state.modes)) sys::set_modes(fd->second, modes);
    winsize size{};
    if (state.size.size() == sizeof size && ::ioctl(fd->second, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0)
      ::ioctl(fd->second, TIOCSWINSZ, state.size.data());
  }
  return {};
}

// The terminal's foreground goes to the group that had it, if that is one of the program; otherwise it is ours and stays.
void Attempt::give_terminal() const {
  int group = 0;
  for (const image::Image& image : site_.computation->members)
    if (image.process().pid == site_.computation->root) group = image.process().foreground_group;
  const bool exists = group > 1 && std::any_of(site_.tree.nodes.begin(), site_.tree.nodes.end(), [&](const TreeNode& node) {
                        return node.group == group && node.role == Role::member;
                      });
  for (const int fd : how_.stdio)
    if (exists && ::tcsetpgrp(fd, site_.ids.kernels(group)) == 0) return;
}

// Waits until all have reported `step`.
Status Attempt::gather(Step step) {
  for (std::size_t missing = expected_reports(site_.tree, step); missing != 0;) {
    STASIS_TRY_VALUE(const image::RestoreFailure report, next_report(kDeadlineMs));
    if (report.code != 0) return from_report(report);
    if (report.sys_errno == static_cast<std::int32_t>(step)) --missing;
  }
  return {};
}

void Attempt::release(Step step) const {
  site_.gate->released.store(static_cast<std::uint32_t>(step));
  ::syscall(SYS_futex, &site_.gate->released, FUTEX_WAKE, ~0u >> 1, nullptr, nullptr, 0);
}

// Our own copies of the program's descriptors, so that ends of files and broken pipes are seen; but for those that members have still to fetch.
void Attempt::close_copies() const {
  for (const auto& [id, fd] : site_.fds)
    if (!site_.late.contains(id)) ::close(fd);
  for (const auto& [session, terminal] : site_.terminals) ::close(terminal.fd);
  for (const auto& [id, memory] : site_.shared_memory)
    if (memory.fd >= 0) ::close(memory.fd);
}

Status Attempt::collect_successes() {
  ::close(site_.status_fd);
  open_ = members_;
  while (!open_.empty()) {
    STASIS_TRY_VALUE(const image::RestoreFailure report, next_report(-1));
    if (report.code != 0) return from_report(report);
    if (report.sys_errno == 0) open_.erase(report.pid);
  }
  return {};
}

// The next record of the status pipe. Ends early, with an error, when a process of the program ended that has not reported success,
// or when the outer process is gone.
Result<image::RestoreFailure> Attempt::next_report(int timeout_ms) {
  const std::map<int, int>& watched = open_.empty() ? members_ : open_;
  std::vector<pollfd> events{{status_reader_, POLLIN, 0}, {site_.control_fd, POLLRDHUP, 0}};
  std::vector<int> pids;
  for (const auto& [pid, pidfd] : watched) {
    events.push_back({pidfd, POLLIN, 0});
    pids.push_back(pid);
  }
  for (;;) {
    const int ready = ::poll(events.data(), events.size(), timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return system_error("wait for the processes", -errno);
    if (ready == 0) return error(ErrorCode::restore_failed, "the processes did not get on in time");
    if (events[1].revents != 0) leave(how_);
    if (events[0].revents & POLLIN) {
      image::RestoreFailure report;
      if (::read(status_reader_, &report, sizeof report) == sizeof report) return report;
      return error(ErrorCode::restore_failed, "the status pipe broke");
    }
    for (std::size_t i = 2; i != events.size(); ++i)
      if (events[i].revents != 0)
        return error(ErrorCode::restore_failed, "process " + std::to_string(pids[i - 2]) + " ended while it was being restored");
    // The pipe has no writer left: descriptors are closed a moment before the end of a process shows in its pidfd, which names it.
    events[0].fd = -1;
  }
}

Error Attempt::from_report(const image::RestoreFailure& report) const {
  Error failure = error(static_cast<ErrorCode>(report.code), std::string_view(report.text, std::min<std::size_t>(report.length, sizeof report.text)));
  failure.sys_errno = report.sys_errno;
  for (const image::Image& image : site_.computation->members)
    if (image.process().pid == report.pid) {
      const bool file = failure.code == ErrorCode::image_damaged || failure.code == ErrorCode::image_truncated;
      return failure.with(file ? image.path() : "process " + std::to_string(report.pid) + " " + std::string(image.process().program));
    }
  return failure.with("process " + std::to_string(report.pid));
}

// A coordinator that gives up says why before its run directory goes: who then does not find it is not the reason.
Error Attempt::reason_of(const Error& failure) {
  pollfd said{coordinator_.fd(), POLLIN, 0};
  if (failure.code != ErrorCode::no_coordinator || ::poll(&said, 1, 0) <= 0) return failure;
  const Status reason = coordinator_.listen("running");
  return reason.ok() ? failure : reason.error();
}

// What the handler of the outer process's end needs.
int control_of_outer = -1;
const FirstProcess* self = nullptr;

// The outer process has ended: it has said so before, or it has been killed, and nobody is to think that the program ended while it runs on.
void handle_outer_end(int) {
  const int saved = errno;
  char farewell = 0;
  const ssize_t got = ::recv(control_of_outer, &farewell, sizeof farewell, MSG_DONTWAIT | MSG_PEEK);
  const bool is_there = got < 0 && errno == EAGAIN;
  if (got <= 0 && !is_there) leave(*self);
  errno = saved;
}

// By the signal of a parent's death. Not before the processes are forked, who would have the handler, too: until then the end of the outer process is seen when something is waited for.
// A SIGHUP from anybody else changes nothing.
void end_with_outer_process(const Site& site, const FirstProcess& how) {
  control_of_outer = site.control_fd;
  self = &how;
  struct sigaction action{};
  action.sa_handler = handle_outer_end;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGHUP, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGHUP);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  handle_outer_end(0);  // it may have ended before
}

// Waits for everybody: our children, and all whose parents have ended.
[[noreturn]] void reap(const Site& site) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, __WALL);
    if (ended < 0 && errno == ECHILD) ::_exit(0);
    const bool is_root = site.ids.programs(ended) == site.computation->root;
    site.ids.forget(ended);
    if (!is_root) continue;
    ControlMessage message;
    message.event = Event::root_ended;
    message.status = status;
    ::send(site.control_fd, &message, sizeof message, MSG_NOSIGNAL);
  }
}

// Keeps nothing but the way to the outer process, the store's lock, and what somebody must have open.
void let_go(Site& site, const FirstProcess& how) {
  std::vector<int> kept = site.held;
  kept.insert(kept.end(), {site.control_fd, how.lock_fd});
  std::sort(kept.begin(), kept.end());
  unsigned next = 0;
  for (const int fd : kept) {
    if (fd < 0) continue;
    if (static_cast<unsigned>(fd) > next) ::syscall(SYS_close_range, next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::syscall(SYS_close_range, next, ~0u, 0);
}

}  // namespace

void run_first_process(Site& site, const FirstProcess& how) {
  Attempt attempt(site, how);
  if (const Status status = attempt.make(); !status.ok()) {
    discard_system_v(site);
    attempt.tell(Event::failed, status.error(), -1);
    leave(how);
  }
  attempt.tell(Event::restored, Error{}, attempt.root_pidfd());
  if (!how.identity.in_namespace) ::prctl(PR_SET_PTRACER, 0, 0, 0, 0);
  let_go(site, how);
  end_with_outer_process(site, how);
  reap(site);
}

}  // namespace stasis::restart
