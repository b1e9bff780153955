// Reading and writing what we have inherited, without waiting and without changing it: descriptors are shared with the rest of the job, so that
// O_NONBLOCK must not be set, and somebody else may take what poll(2) has promised.
// World: programs.
#pragma once
#include <sys/types.h>

#include <cstddef>

namespace stasis::launch_proxy {

// As read(2) and write(2), but with -1 and EAGAIN where they would wait (for files and terminals they may wait a little). A write may be
// short. To be called when poll(2) says so.
ssize_t read_now(int fd, char* buffer, std::size_t size);
ssize_t write_now(int fd, const char* bytes, std::size_t size);

// Whether data come through `fd` in pieces, from somebody who runs: a pipe or a socket.
bool is_stream(int fd);
bool is_open(int fd);

struct Pipe {
  int reading = -1;
  int writing = -1;
};
// Close-on-exec, neither end among the standard descriptors.
bool make_pipe(Pipe& pipe);

}  // namespace stasis::launch_proxy
