// Files by raw system calls, see file.hpp.
// World: hijack.
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

long read_all(int fd, char* buffer, std::size_t size) noexcept {
  std::size_t done = 0;
  while (done != size) {
    const long got = sys::call(SYS_read, fd, buffer + done, size - done);
    if (got == -EINTR) continue;
    if (got < 0) return got;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<long>(done);
}

Result<std::string_view> read_file(const char* path, Arena& arena) noexcept {
  const OwnedFd file = open_file(path, O_RDONLY);
  if (!file.ok()) return system_error(FixedString<320>("open ").append(path), file.get());
  char* place = arena.rest();
  const long size = read_all(file.get(), place, arena.rest_size());
  if (size < 0) return system_error(FixedString<320>("read ").append(path), size);
  if (static_cast<std::size_t>(size) == arena.rest_size()) return out_of_arena();
  arena.keep(static_cast<std::size_t>(size));
  return std::string_view(place, static_cast<std::size_t>(size));
}

std::string_view read_small(const char* path, char* buffer, std::size_t size) noexcept {
  const OwnedFd file = open_file(path, O_RDONLY);
  if (!file.ok()) return {};
  const long got = read_all(file.get(), buffer, size);
  return got < 0 ? std::string_view() : std::string_view(buffer, static_cast<std::size_t>(got));
}

long write_all(int fd, const char* bytes, std::size_t size) noexcept {
  while (size != 0) {
    const long put = sys::call(SYS_write, fd, bytes, size);
    if (put == -EINTR) continue;
    if (put < 0) return put;
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return 0;
}

std::string_view read_link(const char* path, Path& target) noexcept {
  const long length = sys::call(SYS_readlinkat, AT_FDCWD, path, target.data(), Path::capacity());
  target.set_size(length < 0 ? 0 : static_cast<std::size_t>(length));
  return target.view();
}

std::string_view read_link(const char* path, Arena& arena) noexcept {
  char* place = arena.rest();
  if (arena.rest_size() <= Path::capacity()) return {};
  const long length = sys::call(SYS_readlinkat, AT_FDCWD, path, place, Path::capacity());
  const std::size_t size = length < 0 ? 0 : static_cast<std::size_t>(length);
  place[size] = '\0';
  arena.keep(size + 1);
  return {place, size};
}

}  // namespace stasis::hijack
