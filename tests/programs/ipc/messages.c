/* System V message queues: messages of several types in their order, an empty queue, a full one with a writer that sleeps, and a reader that does. */
#include <sys/ipc.h>
#include <sys/msg.h>

#include "stasis_test.h"

struct message {
  long type;
  char text[4000];
};

static void send_text(int id, long type, const char *text) {
  struct message message = {.type = type};
  strcpy(message.text, text);
  CHECK(msgsnd(id, &message, strlen(text), 0) == 0);
}
static void expect(int id, long wanted, long type, const char *text) {
  struct message message;
  CHECK(msgrcv(id, &message, sizeof message.text, wanted, IPC_NOWAIT) == (ssize_t)strlen(text) && message.type == type && memcmp(message.text, text, strlen(text)) == 0);
}

int main(void) {
  static struct message big = {.type = 9};
  struct msqid_ds state;
  int up[2], status, sent = 0;
  const key_t key = ftok(".", getpid() & 0xff);
  const int id = msgget(key, IPC_CREAT | IPC_EXCL | 0640), full = msgget(IPC_PRIVATE, IPC_CREAT | 0600), empty = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  CHECK(id >= 0 && full >= 0 && empty >= 0 && pipe(up) == 0);
  send_text(id, 3, "one"), send_text(id, 1, "two"), send_text(id, 3, "three"), send_text(id, 2, "");
  while (msgsnd(full, &big, sizeof big.text, IPC_NOWAIT) == 0) sent++;
  CHECK(errno == EAGAIN && sent > 1);
  const pid_t writer = fork();
  if (writer == 0) {
    signal_event(up[1]);
    struct message late = {.type = 5, .text = "late"}; /* too long for the room that is left */
    CHECK(msgsnd(full, &late, sizeof late.text, 0) == 0);
    _exit(0);
  }
  const pid_t reader = fork();
  if (reader == 0) {
    struct message message;
    signal_event(up[1]);
    CHECK(msgrcv(empty, &message, sizeof message.text, 4, 0) == 4 && memcmp(message.text, "four", 4) == 0);
    _exit(0);
  }
  wait_for_event(up[0]), wait_for_event(up[0]);
  ready_and_wait();

  CHECK(msgget(key, 0) == id && msgctl(id, IPC_STAT, &state) == 0 && state.msg_qnum == 4 && (state.msg_perm.mode & 0777) == 0640 && state.msg_lspid == getpid());
  expect(id, 2, 2, ""), expect(id, 3, 3, "one"), expect(id, 0, 1, "two"), expect(id, 0, 3, "three");
  struct message message;
  CHECK(msgrcv(id, &message, sizeof message.text, 0, IPC_NOWAIT) == -1 && errno == ENOMSG);
  CHECK(msgrcv(full, &message, sizeof message.text, 9, 0) == sizeof big.text && waitpid(writer, &status, 0) == writer && status == 0);
  CHECK(msgrcv(full, &message, sizeof message.text, 5, 0) == sizeof message.text && strcmp(message.text, "late") == 0);
  send_text(empty, 4, "four");
  CHECK(waitpid(reader, &status, 0) == reader && status == 0);
  CHECK(msgctl(id, IPC_RMID, NULL) == 0 && msgctl(full, IPC_RMID, NULL) == 0 && msgctl(empty, IPC_RMID, NULL) == 0);
  return pass();
}
