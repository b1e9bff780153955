// The table of System V objects (sysvipc(7)): which ones the programs of a computation have asked for, and by which numbers they know them.
//
// The kernel does not tell who uses a semaphore set or a queue; who has asked for one or worked on one enters it here. A restart in an IPC namespace of its own gives objects
// their old numbers. Without a namespace the kernel gives others: the *program's* number of an object is the one that the program has known it by since before the restart, the
// *kernel's* number is what it has now. There objects have no keys for the kernel, for others may use these, or what the computation left behind when it was killed: who asks for
// a key is told by the table, and finds what the computation has made, no more than in a namespace of its own.
// The kernel keeps an object at a place, which is its number modulo 32768 (IPCMNI, linux/ipc.h; more with ipcmni_extend on its command line, where only the first 32768 objects that exist
// at a time are sure to have one of their own here). So an entry is at its place, and one whose object is gone gives way to whatever the kernel makes there.
// Behind the clocks' offsets in the file of the member table (member_table.hpp). Writers and readers: any thread of any member, in signal handlers too, without a lock.
// World: all.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/image/system_v.hpp"

namespace stasis {

inline constexpr std::int32_t kNoObject = -1;  // a number that no object has: the kernel answers EINVAL

class SystemVTable {
 public:
  static constexpr std::uint32_t kPlaces = 32768, kKinds = 3;
  // What asking for a key leads to, where the table tells: once there an entry stays for its key.
  struct Keyed {
    std::uint64_t name;    // kind and key; 0: no entry yet
    std::uint64_t object;  // kMade and the program's number; kInMaking and the kernel's id of the thread that makes it; 0: there is none
  };
  static constexpr std::uint64_t kMade = std::uint64_t{1} << 62, kInMaking = std::uint64_t{1} << 61;

  SystemVTable() noexcept = default;
  // `base` is a shared mapping of kSystemVTableBytes, aligned to 8, at first all zeros.
  explicit SystemVTable(void* base) noexcept : parts_(static_cast<Parts*>(base)) {}

  // The kernel's number of what the program knows as `program`: that one itself if it is in no entry; kNoObject if the kernel uses it for what the program knows otherwise.
  std::int32_t kernels(image::SystemVKind kind, std::int32_t program) const noexcept {
    if (!holds(program)) return program;
    const Part& part = part_of(kind);
    if (const std::uint64_t entry = read(part.by_program[place(program)]); is_one(entry) && program_in(entry) == program) return kernel_in(entry);
    const std::uint64_t entry = read(part.by_kernel[place(program)]);
    return is_one(entry) && kernel_in(entry) == program && program_in(entry) != program ? kNoObject : program;
  }

  // As what the program knows the kernel's `kernel`, which is entered, most often under the same number, if it is not yet.
  std::int32_t enter(image::SystemVKind kind, std::int32_t kernel) const noexcept {
    if (!holds(kernel)) return kernel;
    Part& part = part_of(kind);
    const std::uint64_t before = read(part.by_kernel[place(kernel)]);
    if (is_one(before) && kernel_in(before) == kernel) return program_in(before);
    // Its own number, or with the highest sequence number one at a place that is free.
    for (std::uint32_t step = 0; step != kPlaces; ++step) {
      const std::int32_t program = step == 0 ? kernel : static_cast<std::int32_t>(0x7fffffffu - (step - 1));
      std::uint64_t& slot = part.by_program[place(program)];
      std::uint64_t there = read(slot);
      if (there == pair(kernel, program)) return program;  // another thread was faster
      if (is_one(there) && lives(part, there, kernel)) continue;
      if (!std::atomic_ref(slot).compare_exchange_strong(there, pair(kernel, program))) return enter(kind, kernel);
      std::uint64_t old = before;
      if (std::atomic_ref(part.by_kernel[place(kernel)]).compare_exchange_strong(old, pair(kernel, program))) {
        reach(part, place(kernel));
        return program;
      }
      std::uint64_t mine = pair(kernel, program);
      if (old != mine) std::atomic_ref(slot).compare_exchange_strong(mine, 0);
      return enter(kind, kernel);
    }
    return kernel;
  }

  // Enters that the program knows the kernel's `kernel` as `program`. To be called before any of the computation's processes exists.
  void enter(image::SystemVKind kind, std::int32_t kernel, std::int32_t program) const noexcept {
    if (!holds(kernel) || !holds(program)) return;
    Part& part = part_of(kind);
    std::atomic_ref(part.by_program[place(program)]).store(pair(kernel, program));
    std::atomic_ref(part.by_kernel[place(kernel)]).store(pair(kernel, program));
    reach(part, place(kernel));
  }
  // The entry of the key; null if there is none and none is to be made, or there is no room.
  Keyed* key_entry(image::SystemVKind kind, std::int32_t key, bool is_to_be_made) const noexcept {
    if (parts_ == nullptr) return nullptr;
    const std::uint64_t name = static_cast<std::uint64_t>(kind) << 32 | static_cast<std::uint32_t>(key);
    for (Keyed& keyed : parts_->keyed) {
      std::uint64_t there = read(keyed.name);
      if (there == 0 && (!is_to_be_made || std::atomic_ref(keyed.name).compare_exchange_strong(there, name))) return is_to_be_made ? &keyed : nullptr;
      if (there == name) return &keyed;
    }
    return nullptr;
  }
  // The key that leads to the program's number; 0 if none does.
  std::int32_t key_of(image::SystemVKind kind, std::int32_t program) const noexcept {
    for (std::uint32_t i = 0; parts_ != nullptr && i != kPlaces * kKinds; ++i) {
      const std::uint64_t name = read(parts_->keyed[i].name);
      if (name == 0) return 0;
      if (name >> 32 == static_cast<std::uint64_t>(kind) && read(parts_->keyed[i].object) == (kMade | static_cast<std::uint64_t>(program))) return static_cast<std::int32_t>(name);
    }
    return 0;
  }

  // `visit(program, kernel)` for each entry of the kind, also for objects that are gone; it returns whether to go on.
  template <class Visit>
  void for_each(image::SystemVKind kind, Visit&& visit) const noexcept {
    if (parts_ == nullptr) return;
    const Part& part = part_of(kind);
    const std::uint64_t end = read(part.reach);
    for (std::uint64_t i = 0; i != end; ++i)
      if (const std::uint64_t entry = read(part.by_kernel[i]); is_one(entry) && !visit(program_in(entry), kernel_in(entry))) return;
  }

 private:
  struct Part {
    std::uint64_t reach;  // behind the last place of by_kernel that was ever used
    std::uint64_t by_kernel[kPlaces], by_program[kPlaces];
  };
  struct Parts {
    Part part[kKinds];
    Keyed keyed[kPlaces * kKinds];
  };

  // An entry: one bit that says that it is one, the kernel's number, the program's.
  static constexpr std::uint64_t kIsOne = std::uint64_t{1} << 62, kNumber = 0x7fffffff;
  static constexpr std::uint64_t pair(std::int32_t kernel, std::int32_t program) noexcept { return kIsOne | static_cast<std::uint64_t>(kernel) << 31 | static_cast<std::uint64_t>(program); }
  static constexpr bool is_one(std::uint64_t entry) noexcept { return (entry & kIsOne) != 0; }
  static constexpr std::int32_t kernel_in(std::uint64_t entry) noexcept { return static_cast<std::int32_t>(entry >> 31 & kNumber); }
  static constexpr std::int32_t program_in(std::uint64_t entry) noexcept { return static_cast<std::int32_t>(entry & kNumber); }
  static constexpr std::uint32_t place(std::int32_t number) noexcept { return static_cast<std::uint32_t>(number) % kPlaces; }
  static std::uint64_t read(const std::uint64_t& word) noexcept { return std::atomic_ref(const_cast<std::uint64_t&>(word)).load(); }
  // Whether the object of an entry that is in the way of the kernel's `newcomer` may be there still: not if the kernel uses its place for another one by now.
  static bool lives(const Part& part, std::uint64_t entry, std::int32_t newcomer) noexcept {
    return place(kernel_in(entry)) != place(newcomer) && read(part.by_kernel[place(kernel_in(entry))]) == entry;
  }
  static void reach(Part& part, std::uint32_t place) noexcept {
    std::uint64_t end = read(part.reach);
    while (end <= place && !std::atomic_ref(part.reach).compare_exchange_weak(end, place + 1)) {
    }
  }

  bool holds(std::int32_t number) const noexcept { return parts_ != nullptr && number >= 0; }
  Part& part_of(image::SystemVKind kind) const noexcept { return parts_->part[static_cast<std::uint32_t>(kind) - 1]; }

  Parts* parts_ = nullptr;

 public:
  static constexpr std::size_t kBytes = sizeof(Parts);
};

inline constexpr std::size_t kSystemVTableBytes = SystemVTable::kBytes;

}  // namespace stasis
