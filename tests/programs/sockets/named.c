/* UNIX sockets with names: listeners bound by absolute and relative path and in the abstract space, connections with both names and credentials, new clients afterwards. */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "stasis_test.h"

static socklen_t name(struct sockaddr_un *address, const char *text) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, text, strlen(text));
  if (text[0] == '@') address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + (text[0] == '@' ? 0 : 1));
}

static int listener(const char *text, int type) {
  struct sockaddr_un address;
  const socklen_t size = name(&address, text);
  const int fd = socket(AF_UNIX, type, 0);
  CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 5) == 0);
  return fd;
}

static int client(const char *text, const char *own, int type) {
  struct sockaddr_un address;
  const int fd = socket(AF_UNIX, type, 0);
  socklen_t size;
  if (own != NULL) {
    size = name(&address, own);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
  }
  size = name(&address, text);
  CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, size) == 0);
  return fd;
}

static void check_names(int fd, const char *own, const char *peer) {
  struct sockaddr_un seen, wanted;
  socklen_t size = sizeof seen;
  CHECK(getsockname(fd, (struct sockaddr *)&seen, &size) == 0);
  CHECK(own == NULL ? size == sizeof(sa_family_t) : size == name(&wanted, own) && memcmp(&seen, &wanted, size) == 0);
  size = sizeof seen;
  CHECK(getpeername(fd, (struct sockaddr *)&seen, &size) == 0);
  CHECK(peer == NULL ? size == sizeof(sa_family_t) : size == name(&wanted, peer) && memcmp(&seen, &wanted, size) == 0);
}

static void check_peer(int fd, pid_t pid) {
  struct ucred who;
  socklen_t size = sizeof who;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == pid && who.uid == getuid());
}

int main(void) {
  char directory[200], absolute[300], abstract[100], bytes[16];
  int up[2], go[2], status;
  struct stat file;
  CHECK(getcwd(directory, sizeof directory) != NULL && mkdir("below", 0700) == 0 && pipe(up) == 0 && pipe(go) == 0);
  /* The longest path that fits; a name of its own for every run, for the abstract space is the machine's. */
  CHECK(strlen(directory) + 10 < sizeof((struct sockaddr_un *)0)->sun_path);
  snprintf(absolute, sizeof absolute, "%s/service", directory);
  snprintf(abstract, sizeof abstract, "@stasis-test-%d-%lx", (int)getpid(), (unsigned long)time(NULL));
  const int by_path = listener(absolute, SOCK_STREAM), by_relative = listener("below/packets", SOCK_SEQPACKET), by_abstract = listener(abstract, SOCK_STREAM);
  CHECK(chmod("service", 0600) == 0);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    const int first = client(absolute, NULL, SOCK_STREAM), second = client("below/packets", "below/own", SOCK_SEQPACKET), third = client(abstract, NULL, SOCK_STREAM);
    CHECK(write(first, "hello", 5) == 5);
    signal_event(up[1]);
    wait_for_event(go[0]);
    check_names(first, NULL, absolute);
    check_names(second, "below/own", "below/packets");
    check_names(third, NULL, abstract);
    check_peer(first, parent), check_peer(third, parent);
    CHECK(read(third, bytes, sizeof bytes) == 2);
    client(absolute, NULL, SOCK_STREAM);
    _exit(0);
  }
  wait_for_event(up[0]);
  const int first = accept(by_path, NULL, NULL), second = accept(by_relative, NULL, NULL), third = accept(by_abstract, NULL, NULL);
  CHECK(first >= 0 && second >= 0 && third >= 0 && write(third, "hi", 2) == 2);
  ready_and_wait();

  CHECK(stat("service", &file) == 0 && S_ISSOCK(file.st_mode) && (file.st_mode & 0777) == 0600);
  check_names(first, absolute, NULL);
  check_names(second, "below/packets", "below/own");
  check_names(third, abstract, NULL);
  check_peer(first, child), check_peer(second, child), check_peer(third, child);
  CHECK(read(first, bytes, sizeof bytes) == 5 && memcmp(bytes, "hello", 5) == 0);
  signal_event(go[1]);
  const int later = accept(by_path, NULL, NULL);
  CHECK(later >= 0 && read(later, bytes, 1) == 0);
  check_peer(later, child);
  CHECK(client(abstract, NULL, SOCK_STREAM) >= 0 && client("below/packets", NULL, SOCK_SEQPACKET) >= 0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(read(first, bytes, 1) == 0);
  return pass();
}
