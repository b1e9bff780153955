// What only a POSIX message queue has (mq_overview(7)): the state of a description of kind `message_queue`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/codec/codec.hpp"

namespace stasis::image {

inline constexpr long kMessageQueueFileSystem = 0x19800202;  // MQUEUE_MAGIC of ipc/mqueue.c, as statfs(2) gives it

struct QueuedMessage {
  std::uint32_t priority = 0;
  std::string_view bytes;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("priority", self.priority);
    archive("bytes", self.bytes);
  }
};

struct MessageQueue {
  std::uint64_t most_messages = 0;
  std::uint64_t message_size = 0;
  Sequence<QueuedMessage> messages;  // in the order in which they are received
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("most_messages", self.most_messages);
    archive("message_size", self.message_size);
    archive("messages", self.messages);
  }
};

}  // namespace stasis::image
