// Shells that the C library starts by itself, with the environment that the program has at that time: system(3), popen(3), wordexp(3).
//
// A program may have cleared it or made its own. It gets our variables back for good then, as it had them at its start: an environment that
// is exchanged while another thread looks at it must stay where it is.
//
// system() is done here altogether: the C library's own compares what its wait for the shell returns with the id that it has noted, and after a restart
// which translates ids the kernel's is another.
// World: hijack, any thread; waiting for a shell may be cancelled.
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstddef>

#include "core/sys/syscall.hpp"
#include "hijack/interpose/new_environment.hpp"
#include "hijack/interpose/real.hpp"

extern "C" char** environ;

using namespace stasis::hijack;

namespace {

void complete_environment() noexcept {
  const std::size_t size = merge_size(environ);
  if (size == 0) return;
  const long place = stasis::sys::call(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place > 0) environ = const_cast<char**>(merge_environment(environ, reinterpret_cast<void*>(place)));
}

// While any thread waits for a shell SIGINT and SIGQUIT are ignored in all of them (POSIX, system()).
constinit pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
constinit unsigned waiting = 0;
constinit struct sigaction interrupt = {}, quit = {};  // as the program has them

void begin_to_ignore(sigset_t& not_for_the_shell) noexcept {
  pthread_mutex_lock(&lock);
  if (waiting++ == 0) {
    struct sigaction ignored = {};
    ignored.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignored, &interrupt);
    sigaction(SIGQUIT, &ignored, &quit);
  }
  sigemptyset(&not_for_the_shell);
  if (interrupt.sa_handler != SIG_IGN) sigaddset(&not_for_the_shell, SIGINT);
  if (quit.sa_handler != SIG_IGN) sigaddset(&not_for_the_shell, SIGQUIT);
  pthread_mutex_unlock(&lock);
}

void end_ignoring(const sigset_t& mask) noexcept {
  pthread_mutex_lock(&lock);
  if (--waiting == 0) {
    sigaction(SIGINT, &interrupt, nullptr);
    sigaction(SIGQUIT, &quit, nullptr);
  }
  pthread_mutex_unlock(&lock);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
}

struct Shell {
  pid_t id = 0;
  sigset_t mask = {};  // the caller's
};

int spawn(Shell& shell, const char* command, const sigset_t& reset) noexcept {
  char name[] = "sh", option[] = "-c";
  char* const arguments[] = {name, option, const_cast<char*>(command), nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &shell.mask);
  posix_spawnattr_setsigdefault(&attributes, &reset);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  return posix_spawn(&shell.id, "/bin/sh", nullptr, &attributes, arguments, environ);
}

int wait_for(pid_t id) {
  int status = 0;
  pid_t ended;
  do ended = waitpid(id, &status, 0);
  while (ended == -1 && errno == EINTR);
  return ended == id ? status : -1;
}

// Of a thread that is cancelled while it waits.
void end_shell(void* argument) {
  const auto& shell = *static_cast<const Shell*>(argument);
  kill(shell.id, SIGKILL);
  int before;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  wait_for(shell.id);
  pthread_setcancelstate(before, &before);
  end_ignoring(shell.mask);
}

int run(const char* command) {
  constexpr int kNotFound = 127 << 8;
  Shell shell;
  sigset_t reset, child;
  begin_to_ignore(reset);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &shell.mask);
  volatile int status = kNotFound;  // over the jump that a cancellation is
  const int failure = spawn(shell, command, reset);
  if (failure == 0) {
    pthread_cleanup_push(end_shell, &shell);
    status = wait_for(shell.id);
    pthread_cleanup_pop(0);
  }
  const int reason = failure != 0 ? failure : errno;
  end_ignoring(shell.mask);
  if (failure != 0 || status == -1) errno = reason;
  return status;
}

}  // namespace

STASIS_EXPORT int system(const char* command) {
  complete_environment();
  return command == nullptr ? run("exit 0") == 0 : run(command);
}

STASIS_EXPORT FILE* popen(const char* command, const char* mode) {
  complete_environment();
  return real::popen(command, mode);
}

STASIS_EXPORT int wordexp(const char* words, wordexp_t* result, int flags) {
  complete_environment();
  return real::wordexp(words, result, flags);
}
