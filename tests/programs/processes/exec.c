/* A process that became another program twice, keeps its id, and becomes a third one afterwards. */
#include "stasis_test.h"

int main(int argc, char **argv) {
  char id[16];
  const int stage = argc > 1 ? atoi(argv[1]) : 0;
  snprintf(id, sizeof id, "%d", (int)getpid());
  if (stage > 0) CHECK(strcmp(argv[2], id) == 0 && strcmp(getenv("STAGE"), argv[1]) == 0);
  if (stage == 2) ready_and_wait();
  if (stage == 3) return pass();
  char next[2] = {(char)('0' + stage + 1), 0};
  CHECK(setenv("STAGE", next, 1) == 0);
  execl(argv[0], argv[0], next, id, NULL);
  CHECK(!"exec returned");
}
