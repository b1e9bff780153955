/* Real-time signals that several processes queued for one keep their order, sender, user and value, with the lowest number first; the process and its threads
 * have queues of their own. */
#include <pthread.h>
#include <sys/syscall.h>

#include "stasis_test.h"

enum { kEach = 6, kSenders = 3 };
static sigset_t mask;
static int up[2], go[2];
static pid_t senders[kSenders];

static void *own_queue(void *tid_of) {
  siginfo_t info;
  *(pid_t *)tid_of = gettid();
  signal_event(up[1]);
  wait_for_event(go[0]);
  for (int i = 0; i < kEach; i++) /* its own before the process's */
    CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGRTMIN + 8 && info.si_value.sival_int == 1000 + i && info.si_pid == getpid());
  signal_event(up[1]);
  return tid_of;
}

int main(void) {
  siginfo_t info = {0};
  pthread_t thread;
  pid_t tid = 0;
  const pid_t me = getpid();
  sigemptyset(&mask);
  for (int i = 7; i < 10; i++) sigaddset(&mask, SIGRTMIN + i);
  CHECK(pipe(up) == 0 && pipe(go) == 0 && sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  CHECK(pthread_create(&thread, NULL, own_queue, &tid) == 0);
  wait_for_event(up[0]);
  for (int i = 0; i < kSenders; i++) {
    senders[i] = fork();
    if (senders[i] == 0) {
      for (int j = 0; j < kEach; j++) CHECK(sigqueue(me, SIGRTMIN + 9 - j % 3, (union sigval){.sival_int = i * 100 + j}) == 0);
      _exit(0);
    }
    CHECK(waitpid(senders[i], NULL, 0) == senders[i]);
  }
  for (int i = 0; i < kEach; i++) {
    siginfo_t sent = {.si_signo = SIGRTMIN + 8, .si_code = SI_QUEUE, .si_value.sival_int = 1000 + i};
    sent.si_pid = me;
    CHECK(syscall(SYS_rt_tgsigqueueinfo, me, tid, SIGRTMIN + 8, &sent) == 0);
  }

  ready_and_wait();

  signal_event(go[1]);
  wait_for_event(up[0]);
  CHECK(pthread_join(thread, NULL) == 0);
  for (int number = 7; number < 10; number++)
    for (int i = 0; i < kSenders; i++)
      for (int j = 0; j < kEach; j++) {
        if (9 - j % 3 != number) continue;
        CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGRTMIN + number && info.si_value.sival_int == i * 100 + j);
        CHECK(info.si_code == SI_QUEUE && info.si_pid == senders[i] && info.si_uid == getuid());
      }
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == -1 && errno == EAGAIN);
  return pass();
}
