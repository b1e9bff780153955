// `stasis restart`, see restart.hpp: choose, check, attempt, stand in; and back to choose when an attempt shows an image to be damaged.
// World: programs.
#include "restart_wrapper/restart.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "core/base/sentence.hpp"
#include "core/run_directory.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/choose.hpp"
#include "restart_wrapper/computation.hpp"
#include "restart_wrapper/first_process.hpp"
#include "restart_wrapper/foreground.hpp"
#include "restart_wrapper/preflight.hpp"
#include "restart_wrapper/site.hpp"
#include "restart_wrapper/unique_fd.hpp"
#include "restart_wrapper/system_v.hpp"

extern char** environ;

namespace stasis::restart {
namespace {

constexpr unsigned kFarewellSeconds = 2;

void say(const std::string& line) { std::fprintf(stderr, "stasis restart: %s\n", line.c_str()); }

// What another generation may not have.
bool is_of_the_images(const Error& failure) {
  switch (failure.code) {
    case ErrorCode::image_damaged:
    case ErrorCode::image_truncated:
    case ErrorCode::image_version:
    case ErrorCode::not_an_image:
    case ErrorCode::manifest_damaged: return true;
    case ErrorCode::system: return failure.sys_errno == EIO || failure.sys_errno == ENOENT;
    default: return false;
  }
}

// Descriptors 0, 1 and 2 exist from here on, so that nothing else gets these numbers.
void furnish_stdio() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd > 2) ::close(fd);
    if (fd < 0 || fd > 2) return;
  }
}

// The coordinator finds processes of the computation by their environment; ours, which the namespace's first process and stand-ins share, must
// not look like it. unsetenv would leave the strings where /proc/PID/environ shows them.
void hide_environment() {
  for (const char* name : {environment::kComputation, environment::kRunDirectory, environment::kStdio}) {
    const std::string prefix = std::string(name) + "=";
    for (char** entry = environ; *entry != nullptr; ++entry)
      if (std::strncmp(*entry, prefix.c_str(), prefix.size()) == 0) std::memset(*entry, 0, std::strlen(*entry));
    ::unsetenv(name);
  }
}

struct OwnTerminal {
  bool is_there = false;
  bool in_foreground = false;
};

OwnTerminal own_terminal() {
  const UniqueFd fd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  return {static_cast<bool>(fd), fd && ::tcgetpgrp(fd.get()) == ::getpgrp()};
}

class Restart {
 public:
  Restart(const Options& options) : options_(options) {}

  int run() {
    const Status status = try_all();
    if (status.ok()) return exit_status_;
    say(sentence_with_remedy(status.error()));
    return describe(status.error().code).exit_status;
  }

 private:
  Status try_all();
  Status lock_store(std::uint64_t generation);
  Status try_one(const Generation& generation);
  Status print_dry_run(const Computation& computation, Site& site);
  Status prepare(const Computation& computation, Site& site);
  Status attempt(const Computation& computation, Site& site, const Generation& generation, IdMode ids);
  std::vector<std::string> coordinator_command(const Computation& computation, const store::ManifestPart& part) const;
  bool is_part() const { return options_.part != store_layout::kRootPart; }

  const Options& options_;
  std::string store_;   // absolute
  UniqueFd lock_;
  Signals signals_;
  int exit_status_ = 0;
  bool share_session_ = false;
  bool has_terminal_ = false;
};

Status Restart::try_all() {
  std::error_code failure;
  store_ = std::filesystem::absolute(options_.store, failure).lexically_normal().string();
  if (store_.size() > 1 && store_.ends_with('/')) store_.pop_back();
  STASIS_TRY(check_store(store_));
  if (!options_.dry_run) {
    STASIS_TRY_VALUE(signals_, hold_signals());
  }
  std::uint64_t wanted = options_.generation;
  if (is_part()) {
    STASIS_TRY_VALUE(wanted, restored_generation(store_));
  }
  if (!options_.dry_run) STASIS_TRY(lock_store(wanted));
  if (!options_.dry_run) STASIS_TRY(check_not_running(store_, options_.part));
  STASIS_TRY_VALUE(const std::vector<Generation> generations, candidates(store_, wanted, options_.part));
  Error last;
  for (std::size_t i = 0; i != generations.size(); ++i) {
    const Status status = try_one(generations[i]);
    if (status.ok() || !is_of_the_images(status.error())) return status;
    last = status.error();
    if (i + 1 != generations.size())
      say("generation " + std::to_string(generations[i].number) + " cannot be used (" + sentence_with_remedy(last) + "); trying generation " + std::to_string(generations[i + 1].number));
  }
  return last;
}

// Of two restarts of one store at the same time one gets the lock, and its namespace's first process keeps it. While the root's part has the lock
// of the store the others have each their own: `generation` is that which the root brings back.
Status Restart::lock_store(std::uint64_t generation) {
  const std::string path = is_part() ? store::generation_directory(store_, generation) + "/" + options_.part : store_ + "/" + store_layout::kIdentity;
  lock_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock_) return system_error("open " + path, -errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_error("lock " + path, -errno);
  STASIS_TRY(check_not_running(store_, options_.part));
  // Its coordinator has gone, so the namespace that holds the lock is going.
  struct sigaction action{};
  action.sa_handler = [](int) {};  // without SA_RESTART: the alarm ends the waiting
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(kFarewellSeconds);
  const bool locked = ::flock(lock_.get(), LOCK_EX) == 0;
  ::alarm(0);
  ::sigprocmask(SIG_BLOCK, &alarm, nullptr);
  if (!locked) return error(ErrorCode::still_running, store_);
  return {};
}

Status Restart::try_one(const Generation& generation) {
  STASIS_TRY_VALUE(Computation computation, load(generation.images, generation.part.root));
  if (!is_part()) STASIS_TRY(check_images(generation.elsewhere));
  STASIS_TRY_VALUE(const IdMode ids, choose_ids());
  computation.own_ipc = ids == IdMode::in_namespace && has_system_v(computation);
  STASIS_TRY(preflight(computation, ids));
  Site site;
  STASIS_TRY(prepare(computation, site));
  if (options_.dry_run) return print_dry_run(computation, site);
  const Status status = attempt(computation, site, generation, ids);
  ::munmap(reinterpret_cast<void*>(site.parking.start), site.vdso_refuge.end - site.parking.start);
  return status;
}

Status Restart::prepare(const Computation& computation, Site& site) {
  site.computation = &computation;
  const OwnTerminal terminal = own_terminal();
  share_session_ = computation.has_terminal && terminal.is_there;
  has_terminal_ = share_session_ && terminal.in_foreground;
  TreeOptions tree;
  tree.share_session = share_session_;
  for (const image::Image& image : computation.members)
    if (image.process().pid == computation.root) tree.terminal_session = image.process().session;
  tree.root = computation.root;
  tree.taken = computation.ids;
  STASIS_TRY_VALUE(site.tree, build_tree(computation.shapes(), tree));
  STASIS_TRY_VALUE(site.vdso, live_vdso());
  return choose_places(site);
}

Status Restart::print_dry_run(const Computation& computation, Site& site) {
  std::printf("generation %llu of computation %s: %zu processes, first %d\n", static_cast<unsigned long long>(computation.generation), computation.id.c_str(),
              computation.members.size(), computation.root);
  std::printf("tree:\n%s", to_text(site.tree).c_str());
  for (const auto& [id, memory] : computation.shared_memory)
    site.shared_memory[id] = memory.record.device == image::kSystemVDevice ? SharedSource{0, -1, static_cast<int>(memory.record.inode)} : SharedSource{site.shared.start, -1};
  for (const image::Image& image : computation.members) {
    PlanInput input;
    input.image = &image, input.vdso = site.vdso, input.parking = site.parking, input.shared = site.shared, input.vdso_refuge = site.vdso_refuge;
    input.shared_memory = site.shared_memory;
    STASIS_TRY_VALUE(const Plan plan, build_plan(input));
    std::printf("plan of %d %.*s: %zu operations, %zu mappings, %zu descriptors, %zu threads, %llu bytes to read, vdso %s\n", image.process().pid,
                static_cast<int>(image.process().program.size()), image.process().program.data(), plan.ops.size(), image.mappings().size(),
                image.descriptors().size(), image.threads().size(), static_cast<unsigned long long>(plan.bytes_read), plan.moves_vdso ? "moved" : "redirected");
  }
  return {};
}

std::vector<std::string> Restart::coordinator_command(const Computation& computation, const store::ManifestPart& part) const {
  char self[PATH_MAX] = {};
  [[maybe_unused]] const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  std::vector<std::string> words{(std::filesystem::path(self).parent_path() / "stasis-coordinator").string(), "--store", store_, "--restored",
                                 std::to_string(computation.generation), "--expect", std::to_string(computation.members.size())};
  if (is_part()) {
    words.insert(words.end(), {"--part", part.name, "--launch", part.launch, "--parts", std::to_string(part.parts), "--streams"});
    return words;
  }
  if (!options_.interval.empty()) words.insert(words.end(), {"--interval", options_.interval});
  if (!options_.keep.empty()) words.insert(words.end(), {"--keep", options_.keep});
  if (const char* batch = ::getenv(environment::kBatch); batch != nullptr && *batch != '\0') words.insert(words.end(), {"--batch", batch});
  return words;
}

Status Restart::attempt(const Computation& computation, Site& site, const Generation& generation, IdMode ids) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_error("create a socket pair", -errno);
  UniqueFd outer(ends[0]), inner(ends[1]);
  void* gate = ::mmap(nullptr, image::kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (gate == MAP_FAILED) return system_error("make shared memory", -errno);
  site.ids = Ids(ids);
  site.gate = new (gate) Gate;
  site.numbers = HighNumbers(computation.used_fds);

  FirstProcess first;
  first.identity = identity(ids == IdMode::in_namespace);
  first.store = store_;
  first.part = generation.part.name;
  first.manifest = generation.manifest;
  first.coordinator = coordinator_command(computation, generation.part);
  first.passes_streams = is_part();
  first.share_session = share_session_;
  first.has_terminal = has_terminal_;
  first.stdio = {0, 1, 2};
  first.lock_fd = lock_.get();
  STASIS_TRY_VALUE(const int child, fork_into_namespace(first.identity, share_session_ ? Session::shared : Session::own, site.computation->own_ipc));
  if (child == 0) {
    outer.reset();
    site.control_fd = inner.release();
    run_first_process(site, first);
  }
  inner.reset();
  ::munmap(gate, image::kPage);

  Foreground foreground;
  foreground.control_fd = outer.get();
  foreground.first_process = child;
  foreground.in_namespace = first.identity.in_namespace;
  foreground.share_session = share_session_;
  foreground.has_terminal = has_terminal_;
  const char* batch = ::getenv(environment::kBatch);
  foreground.batch = batch != nullptr && *batch != '\0';
  foreground.computation = computation.id;
  foreground.coordinator_socket = coordinator_socket_of(computation.id);
  const Outcome outcome = stand_in_for_program(foreground, signals_);
  if (!outcome.restored && !outcome.called_off) return outcome.failure;
  exit_status_ = outcome.exit_status;
  return {};
}

// Callers may have us ignore signals; what we fork would inherit that (SIGCHLD ignored: nothing to wait for).
void reset_signals() {
  for (int signal = 1; signal != NSIG; ++signal) ::signal(signal, SIG_DFL);
}

}  // namespace

int run(const Options& options) {
  furnish_stdio();
  reset_signals();
  hide_environment();
  return Restart(options).run();
}

}  // namespace stasis::restart
