// See srun_process.hpp.
// World: programs.
#include "launch_proxy/srun_process.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace stasis::launch_proxy {
namespace {

constexpr std::size_t kStackSize = 32 * 1024;

struct KernelAction {  // struct sigaction of the kernel
  void (*handler)(int);
  std::uint64_t flags;
  void (*restorer)();
  std::uint64_t mask;
};

struct Child {
  const SrunProcess* how;
  const InheritedSignals* inherited;
  char* const* arguments;
  char* const* environment;
  pid_t parent;
  int problem = 0;
};

// Runs in our memory while we stand still, with every signal blocked: system calls only. Handlers become the default by the exec.
int become_srun(void* argument) {
  auto& child = *static_cast<Child*>(argument);
  if (!child.how->shares_group) ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != child.parent) ::_exit(127);
  for (int fd = 0; fd != 3; ++fd) {
    if (child.how->streams[fd] >= 0) ::dup2(child.how->streams[fd], fd);
  }
  // The library's wrappers keep actions in memory, which is not the child's.
  const KernelAction ignore{SIG_IGN, 0, nullptr, 0};
  for (const int signal : child.inherited->ignored) ::syscall(SYS_rt_sigaction, signal, &ignore, nullptr, sizeof ignore.mask);
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &child.inherited->mask, nullptr, sizeof ignore.mask);
  ::syscall(SYS_execve, child.how->path.c_str(), child.arguments, child.environment);
  child.problem = errno;
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

}  // namespace

Result<pid_t> start_srun(const SrunProcess& how, const InheritedSignals& inherited) {
  const std::vector<char*> arguments = pointers(how.arguments), environment = pointers(how.environment);
  Child child{&how, &inherited, arguments.data(), environment.data(), ::getpid()};
  alignas(16) static std::array<char, kStackSize> stack;
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  const pid_t pid = ::clone(become_srun, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  const int reason = errno;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
  if (pid < 0) return system_error("clone", -reason);
  if (child.problem == 0) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  Error failure = error(child.problem == ENOENT ? ErrorCode::exec_missing : ErrorCode::exec_failed, how.path);
  failure.sys_errno = child.problem;
  return failure;
}

}  // namespace stasis::launch_proxy
