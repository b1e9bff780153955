// What only a memory file has (memfd_create(2)): the state of a description of kind `memory_file`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct MemoryFile {
  std::uint32_t seals = 0;  // F_SEAL_*
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("seals", self.seals);
  }
};

}  // namespace stasis::image
