// A message in its frame, to be sent with one system call.
//
// World: programs and SPANK. The hijack world encodes into memory of its own (hijack/engine/link.cpp).
#pragma once
#include <cstring>
#include <string>

#include "core/codec/codec.hpp"
#include "core/proto/frame.hpp"

namespace stasis::proto {

template <class Message>
std::string framed(const Message& message) {
  std::string bytes(sizeof(FrameHeader) + encoded_size(message), '\0');
  FrameHeader header;
  header.type = static_cast<std::uint16_t>(Message::kType);
  header.length = static_cast<std::uint32_t>(bytes.size() - sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  Writer writer(bytes.data() + sizeof header, header.length);
  writer.record(message);
  return bytes;
}

}  // namespace stasis::proto
