// Finding System V objects, see system_v.hpp, shmctl(2), semctl(2), msgrcv(2).
// World: hijack, leader.
#include "hijack/engine/system_v.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "core/environment.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr int kCopy = 040000;        // MSG_COPY of linux/msg.h (Linux 3.8): a message by its place, left in the queue
constexpr std::uint32_t kGoes = 01000;  // SHM_DEST
constexpr std::size_t kLongest = 64u << 10;  // of a message that is looked at first

class Finder {
 public:
  Finder(Arena& arena, const List<std::int32_t>& attached) noexcept : arena_(arena), attached_(attached), found_(arena) {
    user_ = static_cast<std::uint32_t>(sys::call(SYS_geteuid));
    struct stat status{};
    FixedString<320> socket(settings.run_directory.view());
    socket.append("/").append(run_directory::kSocket);
    if (sys::call(SYS_newfstatat, AT_FDCWD, socket.c_str(), &status, 0) == 0) began_ = status.st_mtim.tv_sec - 1;  // that clock may be a tick ahead of the one that these objects' times are taken from
  }

  Result<List<image::SystemVRecord>> run() noexcept {
    STASIS_TRY(for_each_id("/proc/sysvipc/shm", [&](std::int32_t id) { return find_memory(id); }));
    if (!members_use_system_v()) return found_;
    STASIS_TRY(for_each_id("/proc/sysvipc/sem", [&](std::int32_t id) { return find_semaphores(id); }));
    STASIS_TRY(for_each_id("/proc/sysvipc/msg", [&](std::int32_t id) { return find_messages(id); }));
    return found_;
  }

 private:
  // The second word of each line but the first.
  template <class Visit>
  Status for_each_id(const char* path, Visit&& visit) noexcept {
    const Result<std::string_view> file = read_file(path, arena_);
    if (!file.ok()) return {};  // a kernel without them
    Text text(*file);
    for (text.line(); !text.done();) {
      Text line(text.line());
      line.word();
      STASIS_TRY(visit(static_cast<std::int32_t>(line.number())));
    }
    return {};
  }

  bool is_ours(const ipc_perm& permissions, time_t changed) const noexcept { return (permissions.uid == user_ || permissions.cuid == user_) && changed >= began_; }

  static image::SystemVRecord record_of(image::SystemVKind kind, std::int32_t id, const ipc_perm& permissions) noexcept {
    image::SystemVRecord record;
    record.kind = kind, record.id = id, record.key = permissions.__key, record.mode = permissions.mode & 0777;
    return record;
  }
  Status add(const image::SystemVRecord& record) noexcept { return found_.add(record) ? Status() : Status(out_of_arena()); }

  Status find_memory(std::int32_t id) noexcept {
    shmid_ds status{};
    if (sys::call(SYS_shmctl, id, IPC_STAT, &status) < 0) return {};
    bool by_us = false;
    for (const std::int32_t one : attached_) by_us |= one == id;
    if (!by_us && !(members_use_system_v() && is_ours(status.shm_perm, status.shm_ctime))) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::memory, id, status.shm_perm);
    record.size = status.shm_segsz, record.pid = status.shm_cpid, record.removed = (status.shm_perm.mode & kGoes) != 0;
    return add(record);
  }

  Status find_semaphores(std::int32_t id) noexcept {
    semid_ds status{};
    if (sys::call(SYS_semctl, id, 0, IPC_STAT, &status) < 0 || !is_ours(status.sem_perm, status.sem_ctime)) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::semaphores, id, status.sem_perm);
    List<image::SystemVSemaphore> all(arena_);
    for (unsigned long number = 0; number != status.sem_nsems; ++number) {
      const long value = sys::call(SYS_semctl, id, number, GETVAL), pid = sys::call(SYS_semctl, id, number, GETPID);
      if (value < 0) return unreadable("a semaphore set", id);
      if (!all.add({static_cast<std::int32_t>(value), static_cast<std::int32_t>(pid)})) return out_of_arena();
    }
    record.semaphores = {all.begin(), all.size()};
    return add(record);
  }

  Status find_messages(std::int32_t id) noexcept {
    msqid_ds status{};
    if (sys::call(SYS_msgctl, id, IPC_STAT, &status) < 0 || !is_ours(status.msg_perm, status.msg_ctime)) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::messages, id, status.msg_perm);
    record.size = status.msg_qbytes, record.pid = status.msg_lspid;
    List<image::SystemVMessage> all(arena_);
    for (unsigned long place = 0; place != status.msg_qnum; ++place) {
      STASIS_TRY_VALUE(const image::SystemVMessage message, look_at(id, place));
      if (!all.add(message)) return out_of_arena();
    }
    record.messages = {all.begin(), all.size()};
    return add(record);
  }

  Result<image::SystemVMessage> look_at(std::int32_t id, unsigned long place) noexcept {
    for (std::size_t room = kLongest;; room *= 4) {
      auto* buffer = static_cast<char*>(arena_.take(sizeof(long) + room));
      if (buffer == nullptr) return out_of_arena();
      const long got = sys::call(SYS_msgrcv, id, buffer, room, place, kCopy | IPC_NOWAIT);
      if (got == -E2BIG) continue;
      if (got < 0) return unreadable("a message queue", id);
      image::SystemVMessage message;
      std::memcpy(&message.type, buffer, sizeof message.type);
      message.bytes = {buffer + sizeof(long), static_cast<std::size_t>(got)};
      return message;
    }
  }

  static Error unreadable(std::string_view what, std::int32_t id) noexcept {
    return error(ErrorCode::unsupported, FixedString<160>(what).append(" that cannot be looked at, number ").append_signed(id));
  }

  Arena& arena_;
  const List<std::int32_t>& attached_;
  List<image::SystemVRecord> found_;
  std::uint32_t user_ = 0;
  time_t began_ = 0;
};

}  // namespace

Result<List<image::SystemVRecord>> read_system_v(Arena& arena, const List<std::int32_t>& attached) noexcept { return Finder(arena, attached).run(); }

std::uint64_t segment_size(std::int32_t id) noexcept {
  shmid_ds status{};
  return sys::call(SYS_shmctl, id, IPC_STAT, &status) < 0 ? 0 : status.shm_segsz;
}

bool is_attached(std::int32_t id) noexcept {
  shmid_ds status{};
  return sys::call(SYS_shmctl, id, IPC_STAT, &status) == 0 && status.shm_nattch != 0;
}

}  // namespace stasis::hijack
