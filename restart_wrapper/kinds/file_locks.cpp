// Taking locks, see file_locks.hpp, fcntl(2), flock(2).
// World: programs.
#include "restart_wrapper/kinds/file_locks.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string>

#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

struct flock range_of(const image::LockRecord& lock) {
  struct flock range{};
  range.l_type = lock.exclusive ? F_WRLCK : F_RDLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(lock.start), range.l_len = static_cast<off_t>(lock.length);
  return range;
}

Error in_the_way(const image::DescriptionRecord& file) {
  return error(ErrorCode::restore_failed, "another program has locked " + std::string(file.path) + ", on which this one had a lock");
}

Status check_one(const image::DescriptionRecord& file, const image::LockRecord& lock) {
  if (file.deleted || lock.kind == image::LockKind::lease) return {};
  const UniqueFd fd(::open(std::string(file.path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return {};  // what opens it will say why
  if (lock.kind == image::LockKind::file) return ::flock(fd.get(), LOCK_NB | (lock.exclusive ? LOCK_EX : LOCK_SH)) == 0 || errno != EWOULDBLOCK ? Status() : in_the_way(file);
  struct flock range = range_of(lock);
  return ::fcntl(fd.get(), F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK ? Status() : in_the_way(file);
}

Status take(const image::DescriptionRecord& file, const image::LockRecord& lock, int fd) {
  int result = 0;
  struct flock range = range_of(lock);
  switch (lock.kind) {
    case image::LockKind::description: result = ::fcntl(fd, F_OFD_SETLK, &range); break;
    case image::LockKind::file: result = ::flock(fd, LOCK_NB | (lock.exclusive ? LOCK_EX : LOCK_SH)); break;
    case image::LockKind::lease:    // by its owner (member.cpp)
    case image::LockKind::process:  // by the process (OpKind::lock_file)
      break;
  }
  return result == 0 ? Status() : errno == EAGAIN || errno == EWOULDBLOCK ? in_the_way(file) : system_error("lock " + std::string(file.path), -errno);
}

}  // namespace

Status check_locks(const Computation& computation) {
  Status status;
  const auto check = [&](const image::DescriptionRecord& file, const Sequence<image::LockRecord>& locks) {
    locks.for_each([&](const image::LockRecord& lock) {
      if (status.ok()) status = check_one(file, lock);
    });
  };
  for (const auto& [id, description] : computation.descriptions) check(description.record, description.record.locks);
  for (const image::Image& image : computation.members)
    for (const image::DescriptorRecord& descriptor : image.descriptors()) check(computation.descriptions.at(descriptor.description).record, descriptor.locks);
  return status;
}

Status take_description_locks(const Computation& computation, const std::map<std::uint64_t, int>& fds) {
  Status status;
  for (const auto& [id, description] : computation.descriptions)
    description.record.locks.for_each([&](const image::LockRecord& lock) {
      if (status.ok()) status = take(description.record, lock, fds.at(id));
    });
  return status;
}

}  // namespace stasis::restart
