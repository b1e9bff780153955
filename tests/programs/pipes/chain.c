/* A chain of processes joined by pipes, as a shell makes it, with data under way at every link: everything arrives once and in order. */
#include "stasis_test.h"

enum { kLinks = 4, kBytes = 600000 };

/* Copies from `in` to `out` to the end, adding one to each byte. */
static void relay(int in, int out) {
  unsigned char bytes[1000];
  ssize_t n;
  while ((n = read(in, bytes, sizeof bytes)) > 0) {
    for (ssize_t i = 0; i < n; i++) bytes[i]++;
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = write(out, bytes + done, (size_t)(n - done));
      CHECK(written > 0);
      done += written;
    }
  }
  CHECK(n == 0);
  _exit(0);
}

int main(void) {
  int ends[2], in, status;
  unsigned char byte;
  CHECK(pipe(ends) == 0);
  const int reader_of_first = ends[0];
  pid_t source = fork();
  if (source == 0) {
    close(reader_of_first);
    for (size_t i = 0; i < kBytes; i++) {
      byte = (unsigned char)(i * 7);
      CHECK(write(ends[1], &byte, 1) == 1);
    }
    _exit(0);
  }
  close(ends[1]);
  in = reader_of_first;
  for (int i = 0; i < kLinks; i++) {
    CHECK(pipe(ends) == 0);
    if (fork() == 0) {
      close(ends[0]);
      relay(in, ends[1]);
    }
    close(in), close(ends[1]);
    in = ends[0];
  }
  CHECK(read(in, &byte, 1) == 1 && byte == kLinks); /* now every link runs, until all pipes are full */

  ready_and_wait();

  for (size_t i = 1; i < kBytes; i++) CHECK(read(in, &byte, 1) == 1 && byte == (unsigned char)(i * 7 + kLinks));
  CHECK(read(in, &byte, 1) == 0);
  for (int i = 0; i <= kLinks; i++) CHECK(wait(&status) > 0 && status == 0);
  return pass();
}
