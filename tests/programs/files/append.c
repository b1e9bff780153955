/* Appending writers: two processes share a log opened for appending, and a stdio stream keeps what it has buffered. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  int go[2], status;
  char text[200] = "";
  CHECK(pipe(go) == 0);
  const int log = open("log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  FILE *stream = fopen("stream", "w+");
  CHECK(log >= 0 && stream != NULL && write(log, "one ", 4) == 4 && fputs("buffered, ", stream) >= 0);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(write(log, "three ", 6) == 6);
    _exit(0);
  }

  ready_and_wait();

  CHECK((fcntl(log, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_RDWR) && fcntl(log, F_GETFD) == FD_CLOEXEC);
  CHECK(write(log, "two ", 4) == 4);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(pread(log, text, sizeof text - 1, 0) == 14 && strcmp(text, "one two three ") == 0 && lseek(log, 0, SEEK_CUR) == 14);
  CHECK(fputs("written", stream) >= 0 && fflush(stream) == 0 && fseek(stream, 0, SEEK_SET) == 0);
  CHECK(fgets(text, sizeof text, stream) != NULL && strcmp(text, "buffered, written") == 0 && fclose(stream) == 0);
  return pass();
}
