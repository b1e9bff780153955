// The table of System V objects as a process uses it, see system_v_numbers.hpp.
// World: hijack.
#include "hijack/virt/system_v_numbers.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <atomic>
#include <cerrno>

#include "core/sys/syscall.hpp"
#include "hijack/engine/membership.hpp"

namespace stasis::hijack {
namespace {

// Whether asking for the key that the object was made with would lead to it: not when it is gone or on its way.
bool has_its_key(image::SystemVKind kind, std::int32_t kernel) noexcept {
  constexpr unsigned kGoes = 01000;  // SHM_DEST: the kernel takes the key away with that
  long result = 0;
  bool goes = false;
  switch (kind) {
    case image::SystemVKind::memory: {
      shmid_ds status{};
      result = sys::call(SYS_shmctl, kernel, IPC_STAT, &status);
      goes = result >= 0 && (status.shm_perm.mode & kGoes) != 0;
      break;
    }
    case image::SystemVKind::semaphores: {
      semid_ds status{};
      result = sys::call(SYS_semctl, kernel, 0, IPC_STAT, &status);
      break;
    }
    case image::SystemVKind::messages: {
      msqid_ds status{};
      result = sys::call(SYS_msgctl, kernel, IPC_STAT, &status);
      break;
    }
  }
  return !goes && result != -EINVAL && result != -EIDRM;
}

}  // namespace

std::int32_t kernels_number(image::SystemVKind kind, std::int32_t program) noexcept { return system_v_of_members().kernels(kind, program); }

std::int32_t programs_number(image::SystemVKind kind, std::int32_t kernel) noexcept { return system_v_of_members().enter(kind, kernel); }

std::int32_t shown_number(image::SystemVKind kind, std::int32_t kernel) noexcept {
  return kernels_number(kind, kernel) == kernel ? kernel : programs_number(kind, kernel);
}

std::int32_t programs_key(image::SystemVKind kind, std::int32_t program) noexcept { return system_v_of_members().key_of(kind, program); }

KeyAnswer ask_for_key(image::SystemVKind kind, std::int32_t key, bool makes) noexcept {
  SystemVTable::Keyed* const entry = system_v_of_members().key_entry(kind, key, makes);
  if (entry == nullptr) return {-1, nullptr, makes ? ENOSPC : ENOENT};
  std::atomic_ref object(entry->object);
  for (;;) {
    std::uint64_t seen = object.load();
    if ((seen & SystemVTable::kMade) != 0) {
      const auto number = static_cast<std::int32_t>(seen);
      if (has_its_key(kind, kernels_number(kind, number))) return {number, nullptr, 0};
    } else if ((seen & SystemVTable::kInMaking) != 0 && sys::call(SYS_kill, static_cast<std::int32_t>(seen), 0) != -ESRCH) {
      sys::call(SYS_sched_yield);  // who makes it is about to have done so
      continue;
    }
    if (!makes) return {-1, nullptr, ENOENT};
    if (object.compare_exchange_strong(seen, SystemVTable::kInMaking | static_cast<std::uint64_t>(sys::call(SYS_gettid)))) return {-1, entry, 0};
  }
}

}  // namespace stasis::hijack
