// System V objects: that the computation uses any, and who used one last, by the ids that the program knows.
//
// World: hijack, any thread.
#include <stdarg.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <cstddef>

#include "hijack/engine/membership.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

STASIS_EXPORT int shmget(key_t key, std::size_t size, int flags) noexcept {
  note_system_v();
  return real::shmget(key, size, flags);
}
STASIS_EXPORT int semget(key_t key, int count, int flags) noexcept {
  note_system_v();
  return real::semget(key, count, flags);
}
STASIS_EXPORT int msgget(key_t key, int flags) noexcept {
  note_system_v();
  return real::msgget(key, flags);
}

STASIS_EXPORT int shmctl(int id, int command, struct shmid_ds* status) noexcept {
  const int result = real::shmctl(id, command, status);
  if (result >= 0 && status != nullptr && ids_are_virtual() && (command == IPC_STAT || command == SHM_STAT || command == SHM_STAT_ANY)) {
    status->shm_cpid = programs_id(status->shm_cpid);
    status->shm_lpid = programs_id(status->shm_lpid);
  }
  return result;
}

STASIS_EXPORT int msgctl(int id, int command, struct msqid_ds* status) noexcept {
  const int result = real::msgctl(id, command, status);
  if (result >= 0 && status != nullptr && ids_are_virtual() && (command == IPC_STAT || command == MSG_STAT || command == MSG_STAT_ANY)) {
    status->msg_lspid = programs_id(status->msg_lspid);
    status->msg_lrpid = programs_id(status->msg_lrpid);
  }
  return result;
}

// What follows is a union as long as a pointer, or nothing.
STASIS_EXPORT int semctl(int id, int number, int command, ...) noexcept {
  va_list list;
  va_start(list, command);
  void* const argument = va_arg(list, void*);
  va_end(list);
  const int result = real::semctl(id, number, command, argument);
  return command == GETPID && ids_are_virtual() ? programs_id(result) : result;
}
