// Notes of what is to be undone, see semaphore_undo.hpp. A table without locks, for operations may happen in signal handlers.
// World: hijack.
#include "hijack/engine/semaphore_undo.hpp"

#include <sys/sem.h>
#include <sys/syscall.h>

#include <atomic>

#include "core/sys/syscall.hpp"
#include "hijack/virt/system_v_numbers.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kMost = 1024;

struct Note {
  std::atomic<std::uint64_t> semaphore;   // the set's number as the program knows it, and which of its semaphores, plus one so that 0 is free
  std::atomic<std::int32_t> adjustment;
};
constinit Note notes[kMost] = {};
constinit std::atomic<bool> full = false;

std::uint64_t name_of(int id, unsigned number) noexcept { return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(id)) << 16 | number) + 1; }

Note* find(std::uint64_t semaphore) noexcept {
  for (Note& note : notes) {
    std::uint64_t seen = note.semaphore.load();
    if (seen == 0 && note.semaphore.compare_exchange_strong(seen, semaphore)) return &note;
    if (seen == semaphore) return &note;
  }
  return nullptr;
}

void operate(const Note& note) noexcept {
  const std::uint64_t semaphore = note.semaphore.load() - 1;
  struct sembuf operation{static_cast<unsigned short>(semaphore & 0xffff), static_cast<short>(-note.adjustment.load()), SEM_UNDO};
  while (sys::call(SYS_semop, kernels_number(image::SystemVKind::semaphores, static_cast<std::int32_t>(semaphore >> 16)), &operation, 1) == -EINTR) {
  }
}

}  // namespace

void note_undo(int id, const sembuf* operations, std::size_t count) noexcept {
  for (std::size_t i = 0; i != count; ++i) {
    if ((operations[i].sem_flg & SEM_UNDO) == 0 || operations[i].sem_op == 0) continue;
    Note* note = find(name_of(id, operations[i].sem_num));
    if (note == nullptr) full.store(true);
    else note->adjustment.fetch_sub(operations[i].sem_op);
  }
}

void forget_undo() noexcept {
  for (Note& note : notes) {
    if (note.semaphore.load() == 0) return;
    note.semaphore.store(0), note.adjustment.store(0);
  }
}

Result<List<image::SemaphoreUndoRecord>> list_undo(Arena& arena) noexcept {
  if (full.load()) return error(ErrorCode::unsupported, "a process with adjustments of more than 1024 semaphores to undo (SEM_UNDO)");
  List<image::SemaphoreUndoRecord> all(arena);
  for (const Note& note : notes) {
    const std::uint64_t semaphore = note.semaphore.load() - 1;
    if (note.semaphore.load() == 0 || note.adjustment.load() == 0) continue;
    if (!all.add({static_cast<std::int32_t>(semaphore >> 16), static_cast<std::uint32_t>(semaphore & 0xffff), note.adjustment.load()})) return out_of_arena();
  }
  return all;
}

// What adds first: what takes away may have to wait for what another process adds.
void take_undo() noexcept {
  for (const bool adds : {true, false})
    for (const Note& note : notes)
      if (note.semaphore.load() != 0 && note.adjustment.load() != 0 && (note.adjustment.load() < 0) == adds) operate(note);
}

}  // namespace stasis::hijack
