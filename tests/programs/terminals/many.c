/* Pseudo-terminals: a hundred pairs, half of them in a child, each with something in both directions. */
#include <poll.h>
#include <pty.h>

#include "terminal_test.h"

enum { PAIRS = 100 };

int main(void) {
  static int master[PAIRS], slave[PAIRS];
  static char name[PAIRS][64];
  int up[2], go[2], status;
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  for (int i = 0; i != PAIRS; i++) {
    CHECK(openpty(&master[i], &slave[i], name[i], NULL, NULL) == 0);
    CHECK(dprintf(master[i], "in %d\n", i) > 0 && poll(&(struct pollfd){slave[i], POLLIN, 0}, 1, -1) == 1 && dprintf(slave[i], "out") == 3);
  }
  const pid_t child = fork();
  CHECK(child >= 0);
  for (int i = child == 0 ? 0 : PAIRS / 2; i != (child == 0 ? PAIRS / 2 : PAIRS); i++) CHECK(close(slave[i]) == 0);
  if (child == 0) {
    signal_event(up[1]);
    wait_for_event(go[0]);
  } else {
    wait_for_event(up[0]);
    ready_and_wait();
    signal_event(go[1]);
  }
  for (int i = child == 0 ? PAIRS / 2 : 0; i != (child == 0 ? PAIRS : PAIRS / 2); i++) {
    char line[16], echo[32], found[64];
    const int length = snprintf(line, sizeof line, "in %d\n", i);
    const int shown = snprintf(echo, sizeof echo, "in %d\r\nout", i);
    CHECK(ttyname_r(slave[i], found, sizeof found) == 0 && strcmp(found, name[i]) == 0);
    CHECK(reads(slave[i], line, (size_t)length) && reads(master[i], echo, (size_t)shown));
  }
  if (child == 0) _exit(0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
