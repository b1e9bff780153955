/* Threads blocked in sigsuspend and sigwait, and a process in sigsuspend, do not wake up for a checkpoint, and wake up for their signal afterwards. */
#include <pthread.h>
#include <stdatomic.h>

#include "stasis_test.h"

static atomic_int awake, handled;
static int up[2];
static void on_signal(int signal) { (void)signal, handled++; }

static void *suspend(void *unused) {
  sigset_t none;
  sigfillset(&none);
  sigdelset(&none, SIGUSR1);
  signal_event(up[1]);
  CHECK(sigsuspend(&none) == -1 && errno == EINTR);
  awake++;
  return unused;
}
static void *await(void *unused) {
  sigset_t wanted;
  int signal;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR2);
  signal_event(up[1]);
  CHECK(sigwait(&wanted, &signal) == 0 && signal == SIGUSR2);
  awake++;
  return unused;
}

int main(void) {
  pthread_t threads[2];
  sigset_t mask;
  CHECK(pipe(up) == 0 && signal(SIGUSR1, on_signal) != SIG_ERR);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGUSR2);
  CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
  CHECK(pthread_create(&threads[0], NULL, suspend, NULL) == 0 && pthread_create(&threads[1], NULL, await, NULL) == 0);
  const pid_t child = fork();
  if (child == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&mask, SIGHUP);
    CHECK(signal(SIGHUP, on_signal) != SIG_ERR && sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    signal_event(up[1]);
    sigsuspend(&none);
    _exit(handled == 1 ? 5 : 6);
  }
  for (int i = 0; i < 3; i++) wait_for_event(up[0]);
  until_blocked_in(child, SYS_rt_sigsuspend); /* its mask, which the driver compares, changes on the way there */

  ready_and_wait();

  int status;
  CHECK(awake == 0 && handled == 0 && waitpid(child, &status, WNOHANG) == 0);
  CHECK(pthread_kill(threads[0], SIGUSR1) == 0 && pthread_kill(threads[1], SIGUSR2) == 0 && kill(child, SIGHUP) == 0);
  CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0 && awake == 2 && handled == 1);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
  return pass();
}
