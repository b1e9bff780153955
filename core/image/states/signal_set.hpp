// What only a signal descriptor has (signalfd(2)): the state of a description of kind `signal_set`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct SignalSet {
  std::uint64_t signals = 0;  // bit N - 1 for signal N
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("signals", self.signals);
  }
};

}  // namespace stasis::image
