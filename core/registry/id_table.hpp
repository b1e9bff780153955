// The id table: as whom the programs of a computation know its processes, threads, groups and sessions where a restart could not give them their ids back.
//
// A restart without a user namespace (docs/ARCHITECTURE.md) has no way to choose ids: the kernel gives others. The *program's* id of a task is the one that the
// program has known it by since before the restart, its *kernel's* id is what it has now. Whoever is not in the table has the same for both: everything that was
// made after the restart, unless the kernel gave it an id by which the program knows somebody else.
// The table is the file $STASIS_RUN/ids, made by the restart before the first process of the program is; there is none in a computation whose ids are the kernel's
// (MemberTable::ids_are_virtual tells). Every process maps it, and so does the coordinator, which sees the kernel's ids and names images by the program's.
// An entry is dropped by whoever waits for its task, and by whoever is given the same id by the kernel: it says when it was made, and who was born later is somebody
// else.
// Writers and readers: any thread of any member, in signal handlers and vfork children too, without a lock.
// World: all.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace stasis {

inline constexpr std::int32_t kMostIds = 4 << 20;          // PID_MAX_LIMIT, include/linux/threads.h: ids are below
inline constexpr std::int32_t kNobody = 0x3fffffff;        // an id that nobody can have: the kernel answers ESRCH
inline constexpr std::int32_t kOutside = kMostIds - 1;     // as whom the program knows a session or group that has no id for it: it is outside, and told as 0
inline constexpr std::size_t kIdTableBytes = static_cast<std::size_t>(kMostIds) * (sizeof(std::int32_t) + sizeof(std::uint64_t));

class IdTable {
 public:
  IdTable() noexcept = default;
  // `base` is a shared mapping of kIdTableBytes, at first all zeros.
  explicit IdTable(void* base) noexcept
      : named_(static_cast<std::uint64_t*>(base)), kernels_(reinterpret_cast<std::int32_t*>(static_cast<std::uint64_t*>(base) + kMostIds)) {}
  bool is_mapped() const noexcept { return named_ != nullptr; }

  // The kernel's id of him whom the program knows as `id` (> 0); kNobody if the kernel uses that number for somebody whom the program knows otherwise.
  std::int32_t kernels(std::int32_t id) const noexcept {
    if (!holds(id)) return id;
    if (const std::int32_t found = std::atomic_ref(kernels_[id]).load(); found != 0) return found;
    return entry(id) == 0 ? id : kNobody;
  }

  // As whom the program knows him whom the kernel knows as `id` (> 0); kOutside; 0 if a name is still to be given, because `id` names somebody else to the program.
  std::int32_t programs(std::int32_t id) const noexcept {
    if (!holds(id)) return id;
    if (const std::uint64_t found = entry(id); found != 0) return static_cast<std::int32_t>(found & kIdMask);
    return std::atomic_ref(kernels_[id]).load() == 0 ? id : 0;
  }

  // When the entry of the kernel's `id` was made; 0 if there is none.
  std::uint64_t made_ms(std::int32_t id) const noexcept { return holds(id) ? entry(id) >> kIdBits : 0; }

  // Whether neither the program nor the kernel's ids in the table have a use for the number.
  bool is_free(std::int32_t id) const noexcept { return holds(id) && entry(id) == 0 && std::atomic_ref(kernels_[id]).load() == 0; }

  // Enters that the program knows the kernel's `id` as `name`; false if another entry for either is there, which stays. `now_ms`: of CLOCK_BOOTTIME without offsets.
  bool enter(std::int32_t name, std::int32_t id, std::uint64_t now_ms) const noexcept {
    if (!holds(name) || !holds(id)) return false;
    std::int32_t nobody = 0;
    if (!std::atomic_ref(kernels_[name]).compare_exchange_strong(nobody, id)) return false;
    std::uint64_t none = 0;
    if (std::atomic_ref(named_[id]).compare_exchange_strong(none, now_ms << kIdBits | static_cast<std::uint32_t>(name))) return true;
    std::atomic_ref(kernels_[name]).store(0);
    return false;
  }

  // Enters one way only that the kernel's `id` is `name` to the program: what the kernel has noted of a process of a moment (SO_PEERCRED) is another's.
  void lend(std::int32_t name, std::int32_t id, std::uint64_t now_ms) const noexcept {
    if (holds(name) && holds(id)) std::atomic_ref(named_[id]).store(now_ms << kIdBits | static_cast<std::uint32_t>(name));
  }

  // Forgets the entry of the kernel's `id`.
  void drop(std::int32_t id) const noexcept {
    if (!holds(id)) return;
    const std::uint64_t found = std::atomic_ref(named_[id]).exchange(0);
    if (found != 0) std::atomic_ref(kernels_[found & kIdMask]).compare_exchange_strong(id, 0);
  }

 private:
  static constexpr int kIdBits = 22;
  static constexpr std::uint64_t kIdMask = (std::uint64_t{1} << kIdBits) - 1;
  bool holds(std::int32_t id) const noexcept { return named_ != nullptr && id > 0 && id < kMostIds; }
  std::uint64_t entry(std::int32_t id) const noexcept { return std::atomic_ref(named_[id]).load(); }

  std::uint64_t* named_ = nullptr;    // by the kernel's id: when the entry was made in milliseconds, and the program's id
  std::int32_t* kernels_ = nullptr;   // by the program's id
};

}  // namespace stasis
