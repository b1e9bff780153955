/* A directory that is open and half read goes on where it was: every entry once. */
#include <dirent.h>

#include "stasis_test.h"

enum { kEntries = 500 };

int main(void) {
  char name[32], seen[kEntries] = {0};
  CHECK(system("mkdir entries") == 0);
  for (int i = 0; i < kEntries; i++) {
    snprintf(name, sizeof name, "entries/%d", i);
    CHECK(close(open(name, O_WRONLY | O_CREAT, 0600)) == 0);
  }
  DIR *directory = opendir("entries");
  CHECK(directory != NULL);
  struct dirent *entry;
  for (int count = 0; count < kEntries; count++) {
    if (count == 200) ready_and_wait();
    do entry = readdir(directory);
    while (entry != NULL && entry->d_name[0] == '.');
    CHECK(entry != NULL);
    CHECK(!seen[atoi(entry->d_name)]++);
  }
  CHECK(fchdir(dirfd(directory)) == 0 && access("499", F_OK) == 0);
  return pass();
}
