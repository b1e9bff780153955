// What only a regular file has: the state of a description of kind `regular_file`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct RegularFile {
  bool has_fingerprint = false;   // it may be changed in place and is too large for a copy
  std::uint64_t fingerprint = 0;  // of as many bytes as the description's size (file_fingerprint.hpp)
  std::uint32_t directory_mode = 0;  // permissions of the directory that it was in, should that go; 0 if not known
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("has_fingerprint", self.has_fingerprint);
    archive("fingerprint", self.fingerprint);
    archive("directory_mode", self.directory_mode);
  }
};

}  // namespace stasis::image
