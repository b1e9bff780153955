// What only a timer descriptor has (timerfd_create(2)): the state of a description of kind `timer`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct Timer {
  std::int32_t clock = 0;           // CLOCK_*
  std::int32_t flags = 0;           // TFD_TIMER_*
  std::uint64_t ticks = 0;          // expirations that were not read
  std::uint64_t left_ns = 0;        // up to the next expiration, 0: none
  std::uint64_t interval_ns = 0;
  std::uint64_t clock_now_ns = 0;   // of that clock when this was recorded
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("clock", self.clock);
    archive("flags", self.flags);
    archive("ticks", self.ticks);
    archive("left_ns", self.left_ns);
    archive("interval_ns", self.interval_ns);
    archive("clock_now_ns", self.clock_now_ns);
  }
};

}  // namespace stasis::image
