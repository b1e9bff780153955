// Making System V objects, see system_v.hpp, sysvipc(7), shmctl(2), semctl(2), msgctl(2).
//
// In a namespace of one's own the number of the next object can be chosen (/proc/sys/kernel/*_next_id, proc(5)). In the machine's an object gets the number that the kernel gives, and no key, which
// another program may use, or what the computation left behind when it was killed. What the kernel notes of who did something is right because a process with that id does it (kinds/acting.hpp).
// World: programs.
#include "restart_wrapper/system_v.hpp"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "core/run_directory.hpp"
#include "restart_wrapper/kinds/acting.hpp"
#include "restart_wrapper/members.hpp"
#include "restart_wrapper/shared_memory.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

union SemaphoreArgument {  // semctl(2): the caller defines it
  int value;
  semid_ds* status;
  unsigned short* values;
};

// Each object once: all images of the node tell of all.
std::map<std::pair<image::SystemVKind, int>, image::SystemVRecord> all_of(const Computation& computation) {
  std::map<std::pair<image::SystemVKind, int>, image::SystemVRecord> all;
  for (const image::Image& image : computation.members)
    for (const image::SystemVRecord& record : image.system_v()) all.try_emplace({record.kind, record.id}, record);
  return all;
}

std::string name_of(const image::SystemVRecord& record) {
  static constexpr const char* kNames[] = {"", "shared memory", "semaphore set", "message queue"};
  return std::string("System V ") + kNames[static_cast<int>(record.kind)] + " " + std::to_string(record.id);
}

Status choose_number(const image::SystemVRecord& record) {
  static constexpr const char* kPaths[] = {"", "/proc/sys/kernel/shm_next_id", "/proc/sys/kernel/sem_next_id", "/proc/sys/kernel/msg_next_id"};
  const char* path = kPaths[static_cast<int>(record.kind)];
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  const std::string number = std::to_string(record.id);
  if (!fd || ::write(fd.get(), number.data(), number.size()) < 0) return system_error(std::string("write ") + path, -errno);
  return {};
}

// Makes the object by `get`, which is given key and flags, maybe in another process than the first one, and enters its number.
template <class Get>
Status make(const Site& site, const SystemVTable& table, const image::SystemVRecord& record, Get&& get) {
  const bool is_chosen = !site.ids.are_translated();
  if (is_chosen) STASIS_TRY(choose_number(record));
  const int number = get(is_chosen ? record.key : IPC_PRIVATE, static_cast<int>(record.mode) | IPC_CREAT | IPC_EXCL);
  if (number < 0) return system_error("make " + name_of(record), -errno);
  if (is_chosen && number != record.id) return error(ErrorCode::restore_failed, name_of(record) + " would have the number " + std::to_string(number));
  table.enter(record.kind, number, record.id);
  if (is_chosen || record.key == IPC_PRIVATE) return {};
  SystemVTable::Keyed* const keyed = table.key_entry(record.kind, record.key, true);
  if (keyed == nullptr) return error(ErrorCode::restore_failed, "too many System V objects with keys");
  keyed->object = SystemVTable::kMade | static_cast<std::uint64_t>(record.id);
  return {};
}

// The kernel's number of what has been made.
int number_of(Site& site, const SystemVTable& table, const image::SystemVRecord& record) {
  const int number = table.kernels(record.kind, record.id);
  if (site.ids.are_translated()) site.system_v.emplace_back(record.kind, number);
  return number;
}

Status make_memory(Site& site, const SystemVTable& table, const image::SystemVRecord& record, std::uint64_t& cursor) {
  STASIS_TRY(act_as(site.ids, record.pid, [&] { return make(site, table, record, [&](key_t key, int flags) { return ::shmget(key, record.size, flags | SHM_NORESERVE); }); }));
  const int number = number_of(site, table, record);
  void* base = ::shmat(number, reinterpret_cast<void*>(cursor), SHM_REMAP);
  if (base == reinterpret_cast<void*>(-1)) return system_error("attach " + name_of(record), -errno);
  for (const auto& [id, memory] : site.computation->shared_memory) {
    if (memory.record.device != image::kSystemVDevice || memory.record.inode != static_cast<std::uint64_t>(record.id)) continue;
    STASIS_TRY(fill_mapping(memory, static_cast<char*>(base), (record.size + image::kPage - 1) / image::kPage * image::kPage));
    site.shared_memory[id] = {0, -1, number};
  }
  site.segments.push_back(base);
  cursor += round_up_shared(record.size);
  // It lives on while somebody has it attached, which this process has.
  if (record.removed && ::shmctl(number, IPC_RMID, nullptr) != 0) return system_error("remove " + name_of(record), -errno);
  return {};
}

Status make_semaphores(Site& site, const SystemVTable& table, const image::SystemVRecord& record) {
  STASIS_TRY(make(site, table, record, [&](key_t key, int flags) { return ::semget(key, static_cast<int>(record.semaphores.size()), flags); }));
  const int number = number_of(site, table, record);
  std::vector<image::SystemVSemaphore> semaphores;
  record.semaphores.for_each([&](const image::SystemVSemaphore& one) { semaphores.push_back(one); });
  // Each process does again what it has to undo, from which the value comes to be what it was.
  for (const image::Image& image : site.computation->members)
    for (const image::SemaphoreUndoRecord& undo : image.undos())
      if (undo.id == record.id && undo.number < semaphores.size()) semaphores[undo.number].value += undo.adjustment;
  std::map<int, std::vector<int>> by_pid;
  for (std::size_t i = 0; i != semaphores.size(); ++i) by_pid[semaphores[i].pid].push_back(static_cast<int>(i));
  for (const auto& [pid, numbers] : by_pid)
    STASIS_TRY(act_as(site.ids, pid, [&]() -> Status {
      for (const int one : numbers) {
        const SemaphoreArgument value{std::max(0, semaphores[static_cast<std::size_t>(one)].value)};
        if ((pid != 0 || value.value != 0) && ::semctl(number, one, SETVAL, value) != 0) return system_error("set a value of " + name_of(record), -errno);
      }
      return {};
    }));
  return {};
}

Status make_messages(Site& site, const SystemVTable& table, const image::SystemVRecord& record) {
  STASIS_TRY(make(site, table, record, [](key_t key, int flags) { return ::msgget(key, flags); }));
  const int number = number_of(site, table, record);
  msqid_ds status{};
  if (::msgctl(number, IPC_STAT, &status) != 0) return system_error("look at " + name_of(record), -errno);
  if (status.msg_qbytes != record.size) {
    status.msg_qbytes = record.size;
    if (::msgctl(number, IPC_SET, &status) != 0) return system_error("set the size of " + name_of(record), -errno);
  }
  if (record.messages.size() == 0) return {};
  return act_as(site.ids, record.pid, [&]() -> Status {
    Status sent;
    record.messages.for_each([&](const image::SystemVMessage& message) {
      std::string buffer(sizeof(long) + message.bytes.size(), '\0');
      std::memcpy(buffer.data(), &message.type, sizeof message.type);
      message.bytes.copy(buffer.data() + sizeof(long), message.bytes.size());
      if (sent.ok() && ::msgsnd(number, buffer.data(), message.bytes.size(), IPC_NOWAIT) != 0) sent = system_error("fill " + name_of(record), -errno);
    });
    return sent;
  });
}

}  // namespace

bool has_system_v(const Computation& computation) {
  return std::ranges::any_of(computation.members, [](const image::Image& image) { return !image.system_v().empty(); });
}

Status recreate_system_v(Site& site, std::uint64_t& cursor) {
  if (!has_system_v(*site.computation)) return {};
  STASIS_TRY_VALUE(const Members members, Members::map(run_directory_of(site.computation->id)));
  const SystemVTable table = members.table().system_v();
  for (const auto& [name, record] : all_of(*site.computation)) {
    switch (record.kind) {
      case image::SystemVKind::memory: STASIS_TRY(make_memory(site, table, record, cursor)); break;
      case image::SystemVKind::semaphores: STASIS_TRY(make_semaphores(site, table, record)); break;
      case image::SystemVKind::messages: STASIS_TRY(make_messages(site, table, record)); break;
    }
  }
  return {};
}

void release_system_v(const Site& site) {
  for (void* base : site.segments) ::shmdt(base);
}

void discard_system_v(const Site& site) {
  for (const auto& [kind, number] : site.system_v) {
    switch (kind) {
      case image::SystemVKind::memory: ::shmctl(number, IPC_RMID, nullptr); break;
      case image::SystemVKind::semaphores: ::semctl(number, 0, IPC_RMID); break;
      case image::SystemVKind::messages: ::msgctl(number, IPC_RMID, nullptr); break;
    }
  }
}

}  // namespace stasis::restart
