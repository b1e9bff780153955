// System V objects (sysvipc(7)): that the computation uses them, by the numbers, keys and ids that the program knows, and what is to be undone (hijack/engine/semaphore_undo.hpp).
//
// World: hijack, any thread, also in signal handlers; a thread may be cancelled in msgsnd and msgrcv.
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/sys/syscall.hpp"
#include "hijack/engine/semaphore_undo.hpp"
#include "hijack/engine/unstopped.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/system_v_numbers.hpp"

using namespace stasis::hijack;
using Kind = stasis::image::SystemVKind;

namespace {

int fail_with(int reason) noexcept {
  errno = reason;
  return -1;
}

// Runs `call` with the kernel's number of an object. That may be out of date when a restart has come between; a call that waits is taken care of (restart_call.hpp, object_of).
template <class Call>
auto with_object(Kind kind, int number, Call&& call) {
  for (;;) {
    const std::uint64_t restarts = restart_count();
    const std::int32_t kernel = kernels_number(kind, number);
    const auto result = call(kernel);
    const bool is_gone = result == static_cast<decltype(result)>(-1) && (errno == EINVAL || errno == EIDRM || errno == EACCES);
    if (is_gone && restarts != restart_count()) continue;
    if (result != static_cast<decltype(result)>(-1)) programs_number(kind, kernels_number(kind, number));  // one that we had only heard of is the computation's now
    return result;
  }
}

// As the kernel (ipcget, ipc/util.c) answers who asks for an object that is there; `is_larger` than it is.
int get_existing(int number, int flags, const ipc_perm& permissions, bool is_larger) noexcept {
  if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return fail_with(EEXIST);
  if (is_larger) return fail_with(EINVAL);
  const unsigned asked = static_cast<unsigned>(flags >> 6 | flags >> 3 | flags) & 7u;
  if (stasis::sys::call(SYS_geteuid) != 0 && (asked & ~(static_cast<unsigned>(permissions.mode) >> 6) & 7u) != 0) return fail_with(EACCES);
  return number;
}

// An object asked for by its key: `make` has the kernel make one with the key that it is given, `get` answers with one that is there.
template <class Make, class Get>
int ask(Kind kind, key_t key, int flags, Make&& make, Get&& get) noexcept {
  const Unstopped moment;
  if (!ids_are_virtual() || key == IPC_PRIVATE) {
    const int number = make(key);
    return number < 0 ? number : programs_number(kind, number);
  }
  const KeyAnswer answer = ask_for_key(kind, key, (flags & IPC_CREAT) != 0);
  if (answer.number >= 0) return get(answer.number, kernels_number(kind, answer.number));
  if (answer.entry == nullptr) return fail_with(answer.reason);
  const int number = make(IPC_PRIVATE);
  const int programs = number < 0 ? number : programs_number(kind, number);
  std::atomic_ref(answer.entry->object).store(number < 0 ? 0 : stasis::SystemVTable::kMade | static_cast<std::uint64_t>(programs));
  return programs;
}

void show_key(Kind kind, int number, ipc_perm& permissions) noexcept {
  if (permissions.__key == IPC_PRIVATE) permissions.__key = programs_key(kind, number);
}

}  // namespace

STASIS_EXPORT int shmget(key_t key, std::size_t size, int flags) noexcept {
  return ask(Kind::memory, key, flags, [&](key_t used) { return real::shmget(used, size, flags); }, [&](int number, int kernel) {
    shmid_ds status{};
    stasis::sys::call(SYS_shmctl, kernel, IPC_STAT, &status);
    return get_existing(number, flags, status.shm_perm, size > status.shm_segsz);
  });
}

STASIS_EXPORT int semget(key_t key, int count, int flags) noexcept {
  return ask(Kind::semaphores, key, flags, [&](key_t used) { return real::semget(used, count, flags); }, [&](int number, int kernel) {
    semid_ds status{};
    stasis::sys::call(SYS_semctl, kernel, 0, IPC_STAT, &status);
    return get_existing(number, flags, status.sem_perm, count < 0 || static_cast<unsigned long>(count) > status.sem_nsems);
  });
}

STASIS_EXPORT int msgget(key_t key, int flags) noexcept {
  return ask(Kind::messages, key, flags, [&](key_t used) { return real::msgget(used, flags); }, [&](int number, int kernel) {
    msqid_ds status{};
    stasis::sys::call(SYS_msgctl, kernel, IPC_STAT, &status);
    return get_existing(number, flags, status.msg_perm, false);
  });
}

namespace {

long attach(int id, const void* address, int flags) noexcept {
  return with_object(Kind::memory, id, [&](int number) {
    const long place = stasis::sys::call(SYS_shmat, number, address, flags);
    return stasis::sys::failed(place) ? fail_with(static_cast<int>(-place)) : place;
  });
}

}  // namespace

// Libraries that watch memory (UCX, which MPICH and Open MPI are built on) put a jump to themselves at the start of the C library's function, and call the kernel by number, with the number that they are
// given. So one that is translated goes to the kernel at once, and a call by number never comes back to the C library.
STASIS_EXPORT void* shmat(int id, const void* address, int flags) noexcept {
  if (ids_are_virtual()) return reinterpret_cast<void*>(attach(id, address, flags));
  return reinterpret_cast<void*>(with_object(Kind::memory, id, [&](int number) { return reinterpret_cast<std::intptr_t>(real::shmat(number, address, flags)); }));
}

STASIS_EXPORT int semop(int id, struct sembuf* operations, std::size_t count) noexcept {
  const int result = with_object(Kind::semaphores, id, [&](int number) { return real::semop(number, operations, count); });
  if (result == 0) note_undo(id, operations, count);
  return result;
}

STASIS_EXPORT int semtimedop(int id, struct sembuf* operations, std::size_t count, const struct timespec* timeout) noexcept {
  const int result = with_object(Kind::semaphores, id, [&](int number) { return real::semtimedop(number, operations, count, timeout); });
  if (result == 0) note_undo(id, operations, count);
  return result;
}

STASIS_EXPORT int msgsnd(int id, const void* message, std::size_t size, int flags) {
  return with_object(Kind::messages, id, [&](int number) { return real::msgsnd(number, message, size, flags); });
}

STASIS_EXPORT ssize_t msgrcv(int id, void* message, std::size_t size, long type, int flags) {
  return with_object(Kind::messages, id, [&](int number) { return real::msgrcv(number, message, size, type, flags); });
}

STASIS_EXPORT int shmctl(int id, int command, struct shmid_ds* status) noexcept {
  if (command == IPC_INFO || command == SHM_INFO) return real::shmctl(id, command, status);
  const bool by_place = command == SHM_STAT || command == SHM_STAT_ANY;
  int result = by_place ? real::shmctl(id, command, status) : with_object(Kind::memory, id, [&](int number) { return real::shmctl(number, command, status); });
  if (result < 0 || (!by_place && command != IPC_STAT)) return result;
  if (by_place) result = shown_number(Kind::memory, result);
  if ((status->shm_perm.mode & SHM_DEST) == 0) show_key(Kind::memory, by_place ? result : id, status->shm_perm);
  status->shm_cpid = programs_id(status->shm_cpid);
  status->shm_lpid = programs_id(status->shm_lpid);
  return result;
}

STASIS_EXPORT int msgctl(int id, int command, struct msqid_ds* status) noexcept {
  if (command == IPC_INFO || command == MSG_INFO) return real::msgctl(id, command, status);
  const bool by_place = command == MSG_STAT || command == MSG_STAT_ANY;
  int result = by_place ? real::msgctl(id, command, status) : with_object(Kind::messages, id, [&](int number) { return real::msgctl(number, command, status); });
  if (result < 0 || (!by_place && command != IPC_STAT)) return result;
  if (by_place) result = shown_number(Kind::messages, result);
  show_key(Kind::messages, by_place ? result : id, status->msg_perm);
  status->msg_lspid = programs_id(status->msg_lspid);
  status->msg_lrpid = programs_id(status->msg_lrpid);
  return result;
}

// What follows is a union as long as a pointer, or nothing.
STASIS_EXPORT int semctl(int id, int number, int command, ...) noexcept {
  va_list list;
  va_start(list, command);
  void* const argument = va_arg(list, void*);
  va_end(list);
  if (command == IPC_INFO || command == SEM_INFO) return real::semctl(id, number, command, argument);
  const bool by_place = command == SEM_STAT || command == SEM_STAT_ANY;
  int result = by_place ? real::semctl(id, number, command, argument) : with_object(Kind::semaphores, id, [&](int set) { return real::semctl(set, number, command, argument); });
  if (result < 0) return result;
  if (command == GETPID) return programs_id(result);
  if (by_place) result = shown_number(Kind::semaphores, result);
  if (by_place || command == IPC_STAT) show_key(Kind::semaphores, by_place ? result : id, static_cast<semid_ds*>(argument)->sem_perm);
  return result;
}

// The same by their numbers as system calls (virt/raw_call.S).
extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_system_v_call(long number, long a, long b, long c, long d, long e) {
  const auto id = static_cast<int>(a);
  switch (number) {
    case SYS_shmget: return ::shmget(id, static_cast<std::size_t>(b), static_cast<int>(c));
    case SYS_shmat: return attach(id, reinterpret_cast<const void*>(b), static_cast<int>(c));
    case SYS_shmctl: return ::shmctl(id, static_cast<int>(b), reinterpret_cast<shmid_ds*>(c));
    case SYS_semget: return ::semget(id, static_cast<int>(b), static_cast<int>(c));
    case SYS_semop: return ::semop(id, reinterpret_cast<struct sembuf*>(b), static_cast<std::size_t>(c));
    case SYS_semtimedop: return ::semtimedop(id, reinterpret_cast<struct sembuf*>(b), static_cast<std::size_t>(c), reinterpret_cast<const struct timespec*>(d));
    case SYS_semctl: return ::semctl(id, static_cast<int>(b), static_cast<int>(c), reinterpret_cast<void*>(d));
    case SYS_msgget: return ::msgget(id, static_cast<int>(b));
    case SYS_msgsnd: return ::msgsnd(id, reinterpret_cast<const void*>(b), static_cast<std::size_t>(c), static_cast<int>(d));
    case SYS_msgrcv: return ::msgrcv(id, reinterpret_cast<void*>(b), static_cast<std::size_t>(c), d, static_cast<int>(e));
    default: return ::msgctl(id, static_cast<int>(b), reinterpret_cast<msqid_ds*>(c));
  }
}
