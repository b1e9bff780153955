// Notices of the batch system, see notice.hpp.
// World: hijack. The handler runs with every signal blocked, so that no checkpoint finds its connection.
#include "hijack/engine/notice.hpp"

#include <errno.h>
#include <unistd.h>

#include "hijack/engine/aside.hpp"
#include "hijack/engine/entry.hpp"
#include "hijack/engine/handler_return.hpp"
#include "hijack/engine/link.hpp"
#include "hijack/engine/restart_call.hpp"
#include "hijack/engine/scratch.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/rt/log.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

struct KeptAction {
  int signal;
  struct sigaction action;  // the program's
};
constinit KeptAction kept_actions[] = {{SIGTERM, {}}, {SIGURG, {}}};
constinit bool active = false;

KeptAction* find(int signal) noexcept {
  for (KeptAction& kept : kept_actions)
    if (kept.signal == signal) return &kept;
  return nullptr;
}

// kill(2) by slurmstepd, by another user, who can only be root, or from outside the pid namespace of a restart.
bool is_notice(const siginfo_t& info) noexcept {
  return info.si_code == SI_USER && (info.si_pid == 0 || info.si_pid == sys::call(SYS_getppid) || info.si_uid != static_cast<uid_t>(sys::call(SYS_getuid)));
}

struct Offer {
  Arena arena;
  void* side_stack_top;
  int signal;
  bool held;
};

void ask_coordinator(void* argument) noexcept {
  auto& how = *static_cast<Offer*>(argument);
  Link link(how.arena);
  const auto ask = [&]() -> Result<proto::NoticeAnswer> {
    STASIS_TRY(link.connect());
    const std::string_view program = read_link("/proc/thread-self/exe", how.arena);
    STASIS_TRY(link.send(proto::Hello{settings.computation, programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid))), false, program, true}));
    STASIS_TRY(link.send(proto::Notice{how.signal}));
    return link.expect<proto::NoticeAnswer>();
  };
  const auto answer = ask();
  if (!answer.ok()) log("notice", answer.error());
  how.held = answer.ok() && answer.value().held;
}

// The other threads run on: the connection is not for them.
void offer(void* argument) noexcept { call_aside(ask_coordinator, argument, static_cast<Offer*>(argument)->side_stack_top); }

bool is_held(int signal) noexcept {
  Scratch scratch;
  if (!scratch.map().ok()) return false;
  Offer how{scratch.arena(), scratch.side_stack_top(), signal, false};
  stasis_call_on_stack(&how, offer, scratch.stack_top());
  return how.held;
}

// As the kernel would have: with the mask that the program asked for, on the stack that the kernel has chosen for our handler as it would have for its.
void deliver(KeptAction& kept, siginfo_t* info, ucontext_t* context) noexcept {
  const struct sigaction action = kept.action;
  if (action.sa_handler == SIG_DFL) {
    if (kept.signal == SIGURG) return;  // ignored by default (signal(7))
    struct sigaction real_default = {};
    real_default.sa_handler = SIG_DFL;
    real::sigaction(kept.signal, &real_default, nullptr);
    sys::call(SYS_tgkill, sys::call(SYS_getpid), sys::call(SYS_gettid), kept.signal);  // delivered when we return
    return;
  }
  if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) kept.action.sa_handler = SIG_DFL;
  std::uint64_t blocked = 0, wanted = 0, before = 0;
  std::memcpy(&blocked, &context->uc_sigmask, sizeof blocked);
  std::memcpy(&wanted, &action.sa_mask, sizeof wanted);
  blocked |= wanted;
  if ((action.sa_flags & SA_NODEFER) == 0) blocked |= std::uint64_t{1} << (kept.signal - 1);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &before, sizeof blocked);
  if ((action.sa_flags & SA_SIGINFO) != 0) action.sa_sigaction(kept.signal, info, context);
  else action.sa_handler(kept.signal);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
}

void on_notice(int signal, siginfo_t* info, void* raw_context) noexcept {
  const int saved_errno = errno;  // the program's handler may change it
  auto* context = static_cast<ucontext_t*>(raw_context);
  KeptAction& kept = *find(signal);
  const bool unseen = (is_notice(*info) && is_held(signal)) || (kept.action.sa_handler == SIG_DFL && signal == SIGURG);
  if (unseen) {
    static constinit timespec slot{};
    rewind_call(context, CallNote{}, &slot);
    forget_to_go_on(context->uc_mcontext.gregs);  // nothing came
  } else {
    deliver(kept, info, context);
  }
  errno = saved_errno;
}

// Our handler in the kernel, interrupting calls and choosing stacks as the program's own would.
int install(const KeptAction& kept) noexcept {
  struct sigaction ours = {};
  if (kept.action.sa_handler == SIG_IGN) {
    ours.sa_handler = SIG_IGN;
  } else {
    ours.sa_sigaction = on_notice;
    const bool own = kept.action.sa_handler != SIG_DFL;
    ours.sa_flags = SA_SIGINFO | (own ? kept.action.sa_flags & (SA_RESTART | SA_ONSTACK) : SA_RESTART);
    sigfillset(&ours.sa_mask);
  }
  admit_signal(kept.signal, kept.action.sa_handler == SIG_IGN);
  const int result = real::sigaction(kept.signal, &ours, nullptr);
  return_past_us(kept.signal);
  return result;
}

bool parent_is_slurmstepd() noexcept {
  FixedString<64> path("/proc/");
  path.append_signed(sys::call(SYS_getppid)).append("/comm");
  char name[32];
  return read_small(path.c_str(), name, sizeof name).starts_with("slurmstepd");
}

}  // namespace

void install_notice_handlers() noexcept {
  if (!settings.slurm || !parent_is_slurmstepd()) return;
  for (KeptAction& kept : kept_actions) {
    real::sigaction(kept.signal, nullptr, &kept.action);
    install(kept);
  }
  active = true;
}

bool keeps_action(int signal) noexcept { return active && (signal == SIGTERM || signal == SIGURG); }

bool is_old_notice(const siginfo_t& info) noexcept { return keeps_action(info.si_signo) && is_notice(info); }

int set_kept_action(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  KeptAction& kept = *find(signal);
  const struct sigaction before = kept.action;
  if (action != nullptr) {
    kept.action = *action;
    install(kept);
  }
  if (old != nullptr) *old = before;
  return 0;
}

}  // namespace stasis::hijack
