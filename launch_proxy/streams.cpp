// See streams.hpp.
// World: programs.
#include "launch_proxy/streams.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace stasis::launch_proxy {

// RWF_NOWAIT is O_NONBLOCK for one call; kernels before 6.4 do not know it for pipes, and terminals never do.
ssize_t read_now(int fd, char* buffer, std::size_t size) {
  const iovec piece{buffer, size};
  const ssize_t got = ::preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
  return got < 0 && errno == EOPNOTSUPP ? ::read(fd, buffer, size) : got;
}

ssize_t write_now(int fd, const char* bytes, std::size_t size) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))) return ::write(fd, bytes, size);
  const iovec piece{const_cast<char*>(bytes), size};
  const ssize_t put = ::pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
  return put < 0 && errno == EOPNOTSUPP ? ::write(fd, bytes, std::min<std::size_t>(size, PIPE_BUF)) : put;
}

bool is_stream(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

bool make_pipe(Pipe& pipe) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe = {ends[0], ends[1]};
  for (int* end : {&pipe.reading, &pipe.writing}) {
    if (*end > STDERR_FILENO) continue;
    const int higher = ::fcntl(*end, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int reason = errno;
    ::close(*end);
    *end = higher;
    errno = reason;
  }
  return pipe.reading >= 0 && pipe.writing >= 0;
}

}  // namespace stasis::launch_proxy
