// What only an epoll set has: the state of a description of kind `event_set`, as one of its holders sees it.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct WatchedDescription {
  std::int32_t fd = 0;             // number under which it was added; need not be open any more
  std::uint32_t events = 0;        // EPOLL*; only private bits when a one-shot entry has been told
  std::uint64_t data = 0;
  std::uint64_t description = 0;   // id; 0 if this holder has it not
  std::uint64_t device = 0, inode = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("fd", self.fd);
    archive("events", self.events);
    archive("data", self.data);
    archive("description", self.description);
    archive("device", self.device);
    archive("inode", self.inode);
  }
};

struct EventSet {
  Sequence<WatchedDescription> entries;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("entries", self.entries);
  }
};

}  // namespace stasis::image
