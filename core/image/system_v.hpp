// The records of System V objects (sysvipc(7)): what a new one must be to be like the old one.
//
// Every image of a node that has them tells them all, but the content of shared memory, which goes with SharedMemoryRecords of the same number (device kSystemVDevice).
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/codec/codec.hpp"

namespace stasis::image {

// In place of the device of a file, in MappingRecord and SharedMemoryRecord: the inode is the segment's id then.
inline constexpr std::uint64_t kSystemVDevice = ~std::uint64_t{0};

enum class SystemVKind : std::uint8_t { memory = 1, semaphores = 2, messages = 3 };

struct SystemVSemaphore {
  std::int32_t value = 0;
  std::int32_t pid = 0;  // of the last operation, 0 if there was none
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("value", self.value);
    archive("pid", self.pid);
  }
};

struct SystemVMessage {
  std::int64_t type = 0;
  std::string_view bytes;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("type", self.type);
    archive("bytes", self.bytes);
  }
};

struct SystemVRecord {
  SystemVKind kind = SystemVKind::memory;
  std::int32_t id = 0;
  std::int32_t key = 0;      // 0: IPC_PRIVATE
  std::uint32_t mode = 0;    // permissions
  std::uint64_t size = 0;    // of memory in bytes; of a queue the most bytes that it takes
  std::int32_t pid = 0;      // who made memory; who sent the last message
  bool removed = false;      // memory that goes with its last mapping (IPC_RMID)
  Sequence<SystemVSemaphore> semaphores;
  Sequence<SystemVMessage> messages;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("kind", self.kind);
    archive("id", self.id);
    archive("key", self.key);
    archive("mode", self.mode);
    archive("size", self.size);
    archive("pid", self.pid);
    archive("removed", self.removed);
    archive("semaphores", self.semaphores);
    archive("messages", self.messages);
  }
};

// What happens to a semaphore when the process ends (SEM_UNDO, semop(2)).
struct SemaphoreUndoRecord {
  std::int32_t id = 0;
  std::uint32_t number = 0;
  std::int32_t adjustment = 0;  // is added then
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("id", self.id);
    archive("number", self.number);
    archive("adjustment", self.adjustment);
  }
};

}  // namespace stasis::image
