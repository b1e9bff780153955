// Finding System V objects, see system_v.hpp, shmctl(2), semctl(2), msgrcv(2).
// World: hijack, leader.
#include "hijack/engine/system_v.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "core/sys/syscall.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/system_v_numbers.hpp"

namespace stasis::hijack {
namespace {

constexpr int kCopy = 040000;        // MSG_COPY of linux/msg.h (Linux 3.8): a message by its place, left in the queue
constexpr std::uint32_t kGoes = 01000;  // SHM_DEST
constexpr std::size_t kLongest = 64u << 10;  // of a message that is looked at first

class Finder {
 public:
  Finder(Arena& arena, const List<std::int32_t>& attached) noexcept : arena_(arena), attached_(attached), found_(arena) {
    user_ = static_cast<std::uint32_t>(sys::call(SYS_geteuid));
  }

  Result<List<image::SystemVRecord>> run() noexcept {
    STASIS_TRY(find_all(image::SystemVKind::memory, &Finder::find_memory));
    STASIS_TRY(find_all(image::SystemVKind::semaphores, &Finder::find_semaphores));
    STASIS_TRY(find_all(image::SystemVKind::messages, &Finder::find_messages));
    return found_;
  }

 private:
  // `find` is told the program's number and the kernel's; it lets go what is not there any more.
  Status find_all(image::SystemVKind kind, Status (Finder::*find)(std::int32_t, std::int32_t) noexcept) noexcept {
    Status status;
    system_v_of_members().for_each(kind, [&](std::int32_t program, std::int32_t kernel) {
      status = (this->*find)(program, kernel);
      return status.ok();
    });
    return status;
  }

  bool is_ours(const ipc_perm& permissions) const noexcept { return permissions.uid == user_ || permissions.cuid == user_; }

  static image::SystemVRecord record_of(image::SystemVKind kind, std::int32_t number, const ipc_perm& permissions) noexcept {
    image::SystemVRecord record;
    record.kind = kind, record.id = number, record.key = permissions.__key, record.mode = permissions.mode & 0777;
    if (record.key == 0 && (permissions.mode & kGoes) == 0) record.key = programs_key(kind, number);
    return record;
  }
  Status add(const image::SystemVRecord& record) noexcept { return found_.add(record) ? Status() : Status(out_of_arena()); }

  Status find_memory(std::int32_t number, std::int32_t id) noexcept {
    shmid_ds status{};
    if (sys::call(SYS_shmctl, id, IPC_STAT, &status) < 0) return {};
    bool by_us = false;
    for (const std::int32_t one : attached_) by_us |= one == number;
    if (!by_us && !is_ours(status.shm_perm)) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::memory, number, status.shm_perm);
    record.size = status.shm_segsz, record.pid = programs_id(status.shm_cpid), record.removed = (status.shm_perm.mode & kGoes) != 0;
    return add(record);
  }

  Status find_semaphores(std::int32_t number, std::int32_t id) noexcept {
    semid_ds status{};
    if (sys::call(SYS_semctl, id, 0, IPC_STAT, &status) < 0 || !is_ours(status.sem_perm)) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::semaphores, number, status.sem_perm);
    List<image::SystemVSemaphore> all(arena_);
    for (unsigned long one = 0; one != status.sem_nsems; ++one) {
      const long value = sys::call(SYS_semctl, id, one, GETVAL), pid = sys::call(SYS_semctl, id, one, GETPID);
      if (value < 0) return unreadable("a semaphore set", number);
      if (!all.add({static_cast<std::int32_t>(value), programs_id(static_cast<std::int32_t>(pid))})) return out_of_arena();
    }
    record.semaphores = {all.begin(), all.size()};
    return add(record);
  }

  Status find_messages(std::int32_t number, std::int32_t id) noexcept {
    msqid_ds status{};
    if (sys::call(SYS_msgctl, id, IPC_STAT, &status) < 0 || !is_ours(status.msg_perm)) return {};
    image::SystemVRecord record = record_of(image::SystemVKind::messages, number, status.msg_perm);
    record.size = status.msg_qbytes, record.pid = programs_id(status.msg_lspid);
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
