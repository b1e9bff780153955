// What only a process descriptor has (pidfd_open(2)): the state of a description of kind `process`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct ProcessReference {
  std::int32_t pid = -1;  // -1: it has ended and was waited for
  bool thread = false;    // PIDFD_THREAD: of the one thread with this id
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("pid", self.pid);
    archive("thread", self.thread);
  }
};

}  // namespace stasis::image
