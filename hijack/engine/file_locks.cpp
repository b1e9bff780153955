// Reading locks and leases, see file_locks.hpp.
// World: hijack, leader.
#include "hijack/engine/file_locks.hpp"

#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

// "1: POSIX  ADVISORY  WRITE 359 00:13:11691 0 EOF": kind, whether it is one, type, process, file, first and last byte (fs/locks.c, lock_get_status).
bool read_lock(std::string_view line, image::LockRecord& lock) noexcept {
  Text text(line);
  text.word();
  const std::string_view kind = text.word(), standing = text.word();
  if (kind == "POSIX") lock.kind = image::LockKind::process;
  else if (kind == "OFDLCK") lock.kind = image::LockKind::description;
  else if (kind == "FLOCK") lock.kind = image::LockKind::file;
  else if (kind == "LEASE" && standing == "ACTIVE") lock.kind = image::LockKind::lease;
  else return false;  // "->": somebody waits; a lease that is being broken has been told to its holder
  lock.exclusive = text.word() == "WRITE";
  text.word(), text.word();
  lock.start = text.number();
  text.skip_blanks();
  lock.length = text.rest().starts_with("EOF") ? 0 : text.number() - lock.start + 1;
  return true;
}

}  // namespace

Result<FileLocks> read_locks(int fd, Arena& arena) noexcept {
  FileLocks locks{List<image::LockRecord>(arena), List<image::LockRecord>(arena)};
  const FixedString<64> path = FixedString<64>("/proc/thread-self/fdinfo/").append_signed(fd);
  char buffer[1024];
  std::string_view facts = read_small(path.c_str(), buffer, sizeof buffer);
  if (facts.size() == sizeof buffer) {  // many
    STASIS_TRY_VALUE(facts, read_file(path.c_str(), arena));
  }
  for (Text text(facts); !text.done();) {
    const std::string_view line = text.line();
    image::LockRecord lock;
    if (!line.starts_with("lock:") || !read_lock(from(line, 5), lock)) continue;
    if (!(lock.kind == image::LockKind::process ? locks.of_process : locks.of_description).add(lock)) return out_of_arena();
  }
  return locks;
}

}  // namespace stasis::hijack
