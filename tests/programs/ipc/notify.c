/* Notifications of POSIX message queues: no signal, a signal with a value, a thread; of an empty queue and of queues that hold messages of one and of several priorities. */
#include <mqueue.h>
#include <pthread.h>

#include "stasis_test.h"

enum { kEmpty, kOne, kSeveral, kEqual, kSmall, kSilent, kThread, kQueues };

static mqd_t queue[kQueues];
static int up[2];

static void put(mqd_t to, const char *text, unsigned priority) { CHECK(mq_send(to, text, strlen(text), priority) == 0); }
static void expect(mqd_t from, const char *text, unsigned wanted) {
  char bytes[64];
  unsigned priority;
  CHECK(mq_receive(from, bytes, sizeof bytes, &priority) == (ssize_t)strlen(text) && priority == wanted && memcmp(bytes, text, strlen(text)) == 0);
}
static void come(union sigval value) {
  CHECK(value.sival_int == 4711);
  signal_event(up[1]);
}
static void ask(mqd_t of, int how, int value) {
  struct sigevent event = {.sigev_notify = how, .sigev_signo = how == SIGEV_SIGNAL ? SIGRTMIN : 0, .sigev_value.sival_int = value};
  if (how == SIGEV_THREAD) event.sigev_notify_function = come;
  CHECK(mq_notify(of, &event) == 0);
}
static int is_asked(mqd_t of) {
  char facts[128];
  const ssize_t length = pread(of, facts, sizeof facts - 1, 0);
  CHECK(length > 0);
  facts[length] = '\0';
  int process = -1;
  CHECK(sscanf(strstr(facts, "NOTIFY_PID:"), "NOTIFY_PID:%d", &process) == 1);
  return process != 0;
}
static int waiting(const sigset_t *set, siginfo_t *info) { return sigtimedwait(set, info, &(struct timespec){0, 0}); }

int main(void) {
  char name[64];
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set), sigaddset(&set, SIGRTMIN);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 && pipe(up) == 0);
  for (int i = 0; i < kQueues; i++) {
    struct mq_attr attributes = {.mq_maxmsg = i == kSeveral ? 6 : 4, .mq_msgsize = i == kSmall ? 1 : 64};
    snprintf(name, sizeof name, "/stasis-test-%d-%d", (int)getpid(), i);
    queue[i] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    CHECK(queue[i] >= 0 && mq_unlink(name) == 0);
  }
  put(queue[kOne], "one", 9);
  put(queue[kSeveral], "low", 3), put(queue[kSeveral], "high", 700), put(queue[kSeveral], "low, too", 3), put(queue[kSeveral], "mid", 4), put(queue[kSeveral], "mid, too", 4), put(queue[kSeveral], "", 3);
  put(queue[kEqual], "", 0), put(queue[kEqual], "", 0), put(queue[kEqual], "?", 0);
  put(queue[kSmall], "?", 0), put(queue[kThread], "", 32767);
  for (int i = 0; i < kSilent; i++) ask(queue[i], SIGEV_SIGNAL, 100 + i);
  ask(queue[kSilent], SIGEV_NONE, 0), ask(queue[kThread], SIGEV_THREAD, 4711);
  ready_and_wait();

  CHECK(waiting(&set, &info) == -1 && errno == EAGAIN);
  for (int i = 0; i < kQueues; i++) CHECK(is_asked(queue[i]));
  expect(queue[kOne], "one", 9);
  expect(queue[kSeveral], "high", 700), expect(queue[kSeveral], "mid", 4), expect(queue[kSeveral], "mid, too", 4);
  expect(queue[kSeveral], "low", 3), expect(queue[kSeveral], "low, too", 3), expect(queue[kSeveral], "", 3);
  expect(queue[kEqual], "", 0), expect(queue[kEqual], "", 0), expect(queue[kEqual], "?", 0), expect(queue[kThread], "", 32767);
  char byte;
  unsigned priority;
  struct mq_attr state;
  CHECK(mq_getattr(queue[kSmall], &state) == 0 && state.mq_msgsize == 1 && state.mq_curmsgs == 1);
  CHECK(mq_receive(queue[kSmall], &byte, 1, &priority) == 1 && byte == '?' && priority == 0);
  for (int i = 0; i < kSilent; i++) {
    CHECK(mq_getattr(queue[i], &state) == 0 && state.mq_curmsgs == 0);
    put(queue[i], "x", 1);
    CHECK(waiting(&set, &info) == SIGRTMIN && info.si_code == SI_MESGQ && info.si_value.sival_int == 100 + i && info.si_pid == getpid());
    CHECK(!is_asked(queue[i]));
  }
  put(queue[kSilent], "x", 1);
  CHECK(!is_asked(queue[kSilent]) && waiting(&set, &info) == -1);
  put(queue[kThread], "x", 1);
  wait_for_event(up[0]);
  expect(queue[kThread], "x", 1);
  ask(queue[kThread], SIGEV_THREAD, 4711); /* once more */
  put(queue[kThread], "y", 1);
  wait_for_event(up[0]);
  return pass();
}
