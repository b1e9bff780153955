// The functions behind our wrappers, typed by the C library's own headers: real::sigaction(...).
//
// Other libraries' constructors run before ours and may call wrapped functions; so pointers are resolved by whoever comes first. All at
// once, for later, in a signal handler or between vfork and exec, dlsym must not be called any more.
// World: hijack, any thread.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wordexp.h>

extern "C" {
// Not in the headers of every C library, or only under names of a feature.
int execveat(int directory, const char* path, char* const argv[], char* const envp[], int flags) noexcept;
int epoll_pwait2(int epoll, struct epoll_event* events, int size, const struct timespec* timeout, const sigset_t* mask);
int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout, const sigset_t* mask, std::size_t size);
sighandler_t sysv_signal(int signal, sighandler_t handler) noexcept;
sighandler_t __sysv_signal(int signal, sighandler_t handler) noexcept;
sighandler_t bsd_signal(int signal, sighandler_t handler) noexcept;
pid_t _Fork(void) noexcept;
pid_t __getpid(void) noexcept;
pid_t __fork(void) noexcept;
pid_t __vfork(void) noexcept;
pid_t __waitpid(pid_t id, int* status, int options);
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);
int __openat_2(int directory, const char* path, int flags);
int __openat64_2(int directory, const char* path, int flags);
ssize_t __read_chk(int fd, void* buffer, std::size_t size, std::size_t room);
ssize_t __pread_chk(int fd, void* buffer, std::size_t size, off_t offset, std::size_t room);
ssize_t __pread64_chk(int fd, void* buffer, std::size_t size, off64_t offset, std::size_t room);
ssize_t __readlink_chk(const char* path, char* buffer, std::size_t size, std::size_t room) noexcept;
ssize_t __readlinkat_chk(int directory, const char* path, char* buffer, std::size_t size, std::size_t room) noexcept;
char* __realpath_chk(const char* path, char* resolved, std::size_t room) noexcept;
int __xstat(int version, const char* path, struct stat* status) noexcept;
int __xstat64(int version, const char* path, struct stat64* status) noexcept;
int __lxstat(int version, const char* path, struct stat* status) noexcept;
int __lxstat64(int version, const char* path, struct stat64* status) noexcept;
int pidfd_open(pid_t pid, unsigned flags) noexcept;
}

namespace stasis::hijack {

// Resolves every pointer; later calls do nothing.
void resolve_all() noexcept;

template <class Function>
class Real;
template <class Result, class... Arguments, bool kNoexcept>
class Real<Result(Arguments...) noexcept(kNoexcept)> {
 public:
  using Pointer = Result (*)(Arguments...);
  // The call itself is not noexcept: a thread may be cancelled inside (pthread_cancel unwinds).
  Result operator()(Arguments... arguments) const { return get()(arguments...); }
  Pointer get() const noexcept {
    if (__builtin_expect(pointer_ == nullptr, 0)) resolve_all();
    return pointer_;
  }
  void set(void* address) noexcept { pointer_ = reinterpret_cast<Pointer>(address); }
  bool is_there() const noexcept { return get() != nullptr; }

 private:
  Pointer pointer_ = nullptr;
};
// With more arguments than are declared. Those like execl are never called by us: they end in execvpe.
template <class Result, class... Arguments, bool kNoexcept>
class Real<Result(Arguments..., ...) noexcept(kNoexcept)> {
 public:
  using Pointer = Result (*)(Arguments..., ...);
  template <class... More>
  Result operator()(Arguments... arguments, More... more) const {
    if (__builtin_expect(pointer_ == nullptr, 0)) resolve_all();
    return pointer_(arguments..., more...);
  }
  void set(void* address) noexcept { pointer_ = reinterpret_cast<Pointer>(address); }

 private:
  Pointer pointer_ = nullptr;
};

namespace real {
#define HOOK(name) extern constinit Real<decltype(::name)> name;
#define HOOK_LATE(name) HOOK(name)
#include "hijack/interpose/hooks.def"
#undef HOOK
#undef HOOK_LATE
}  // namespace real

}  // namespace stasis::hijack

// In front of a wrapper: visible, with the C library's name.
#define STASIS_EXPORT extern "C" __attribute__((visibility("default")))
