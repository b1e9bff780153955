// A fingerprint of a file's first bytes by samples: of files that are too large for a copy of them to be kept.
//
// It tells whether the file was changed in place since, if one of the samples was: the beginning and the end, and blocks between at equal distances. Files that are
// changed in place by databases have their headers at the beginning.
// World: programs and hijack. No allocation.
#pragma once
#include <cstddef>
#include <cstdint>

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include <xxhash.h>

namespace stasis::image {

inline constexpr std::uint64_t kSample = 4096;
inline constexpr std::uint64_t kSamples = 64;

// Of the first `size` bytes. `read(offset, buffer, length)` fills the buffer and returns whether it could. False if it could not.
template <class Read>
bool fingerprint(std::uint64_t size, std::uint64_t& result, Read&& read) noexcept {
  const std::uint64_t blocks = (size + kSample - 1) / kSample, samples = blocks < kSamples ? blocks : kSamples;
  std::uint64_t digests[kSamples + 1] = {};
  char buffer[kSample];
  for (std::uint64_t i = 0; i != samples; ++i) {
    const std::uint64_t block = samples < 2 ? 0 : (blocks - 1) * i / (samples - 1);
    const std::uint64_t offset = block * kSample, length = size - offset < kSample ? size - offset : kSample;
    if (!read(offset, buffer, static_cast<std::size_t>(length))) return false;
    digests[i] = XXH3_64bits(buffer, static_cast<std::size_t>(length));
  }
  digests[kSamples] = size;
  result = XXH3_64bits(digests, sizeof digests);
  return true;
}

}  // namespace stasis::image
