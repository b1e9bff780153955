// The connection of a member to its node coordinator, for the length of one checkpoint.
//
// World: hijack, leader. Blocking; losing the coordinator is an error like any other, and means: abandon.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/proto/frame.hpp"
#include "core/proto/messages.hpp"
#include "hijack/rt/arena.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

struct Frame {
  proto::MessageType type{};
  std::string_view payload;  // in the arena
};

class Link {
 public:
  explicit Link(Arena& arena) noexcept : arena_(arena) {}
  // Connects to the run directory's socket and makes sure that this user or root listens there.
  Status connect() noexcept;
  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }
  // Frames sent from now on carry this generation.
  void set_generation(std::uint64_t generation) noexcept { generation_ = generation; }

  template <class Message>
  Status send(const Message& message) noexcept {
    const std::size_t size = encoded_size(message);
    char* place = static_cast<char*>(arena_.take(sizeof(proto::FrameHeader) + size));
    if (place == nullptr) return out_of_arena();
    Writer writer(place + sizeof(proto::FrameHeader), size);
    writer.record(message);
    return send_frame(Message::kType, place, size);
  }
  // With two descriptors, which stay the caller's.
  template <class Message>
  Status send_with(const Message& message, int first, int second) noexcept {
    const int fds[2] = {first, second};
    with_ = fds;
    const Status status = send(message);
    with_ = nullptr;
    return status;
  }
  // Descriptors that come with the frame are put into `first` and `second` if they are given.
  Result<Frame> receive(OwnedFd* first = nullptr, OwnedFd* second = nullptr) noexcept;
  // The next frame, which must be a Message; an Abandon or anything else is an error of code abandoned.
  template <class Message>
  Result<Message> expect() noexcept {
    STASIS_TRY_VALUE(const Frame frame, receive());
    if (frame.type != Message::kType) return error(ErrorCode::abandoned, "by the coordinator");
    Message message;
    Reader reader(frame.payload);
    reader.record(message);
    if (!reader.ok()) return error(ErrorCode::protocol, "a message from the coordinator");
    return message;
  }

 private:
  Status send_frame(proto::MessageType type, char* frame, std::size_t payload) noexcept;
  Arena& arena_;
  OwnedFd fd_;
  const int* with_ = nullptr;  // two descriptors that go with what is being sent
  std::uint64_t generation_ = 0;
};

}  // namespace stasis::hijack
