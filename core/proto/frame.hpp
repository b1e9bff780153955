// The frame around every message between processes, node coordinators, the root coordinator and control programs.
//
// A frame is one 24-byte header and one payload (a record of messages.hpp), sent with a single system call, so that no message
// waits for an acknowledgement of its own first half. Peers of another protocol version are refused by name.
// World: all.
#pragma once
#include <cstdint>

namespace stasis::proto {

inline constexpr std::uint32_t kMagic = 0x53415453;          // "STAS"
inline constexpr std::uint16_t kProtocolVersion = 1;         // raised when a peer of the older version could misunderstand us
inline constexpr std::uint32_t kMaximumPayload = 64u << 20;  // an inventory of a million descriptors; more is a broken peer

struct FrameHeader {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kProtocolVersion;
  std::uint16_t type = 0;      // MessageType
  std::uint32_t length = 0;    // bytes of payload that follow
  std::uint32_t reserved = 0;
  std::uint64_t generation = 0;  // the generation that the message is about, 0 if none: a stale peer is told apart by it
};
static_assert(sizeof(FrameHeader) == 24);

// Whether a header can be trusted to be followed by a payload of ours.
constexpr bool is_valid(const FrameHeader& header) noexcept {
  return header.magic == kMagic && header.length <= kMaximumPayload;
}

}  // namespace stasis::proto
