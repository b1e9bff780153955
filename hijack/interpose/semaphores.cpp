// Operations on System V semaphores that are undone when the process ends (hijack/engine/semaphore_undo.hpp).
//
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include "hijack/engine/semaphore_undo.hpp"
#include "hijack/interpose/real.hpp"

using namespace stasis::hijack;

STASIS_EXPORT int semop(int id, struct sembuf* operations, std::size_t count) noexcept {
  const int result = real::semop(id, operations, count);
  if (result == 0) note_undo(id, operations, count);
  return result;
}

STASIS_EXPORT int semtimedop(int id, struct sembuf* operations, std::size_t count, const struct timespec* timeout) noexcept {
  const int result = real::semtimedop(id, operations, count, timeout);
  if (result == 0) note_undo(id, operations, count);
  return result;
}
