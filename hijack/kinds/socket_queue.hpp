// The receive queue of a socket, looked at piece by piece while nothing is taken out (MSG_PEEK with SO_PEEK_OFF, socket(7)).
//
// World: hijack, leader, all threads parked.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/image/states/socket.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

struct QueuedMessage {
  std::string_view bytes;    // valid until the next message
  std::string_view sender;   // the same
  image::SocketCredentials credentials;
  const int* rights = nullptr;  // descriptors that came with it; copies of ours, to be closed by the caller
  std::uint32_t right_count = 0;
  bool has_rights = false;      // descriptors came with it, whether or not copies were wanted
  bool urgent = false;
};

// One pass over the queue of `fd`, a socket that is connected or takes datagrams. While it exists the socket's peek offset is ours.
class SocketQueue {
 public:
  // `rights`: whether copies of the descriptors in flight are wanted. Pieces of a stream begin and end where bytes with descriptors do.
  SocketQueue(int fd, int domain, int type, bool rights, Arena& arena) noexcept : fd_(fd), domain_(domain), type_(type), rights_(rights), arena_(arena) {}
  SocketQueue(const SocketQueue&) = delete;
  ~SocketQueue();
  // `received`: of a TCP connection, how many bytes wait, with those out of band. Errors: system; unsupported when a descriptor in flight cannot be looked at.
  Status open(std::uint64_t received = 0) noexcept;
  // False at the end.
  Result<bool> next(QueuedMessage& message) noexcept;

 private:
  Result<bool> peek(QueuedMessage& message, char* buffer, std::size_t size) noexcept;
  long look(msghdr& header, iovec& part, char* control, std::size_t room) noexcept;
  Result<std::size_t> bytes_before_rights(char* buffer, std::size_t size) noexcept;
  void take_control(const msghdr& header, QueuedMessage& message) noexcept;
  Status seek(std::int64_t offset) noexcept;
  bool stream() const noexcept;

  static constexpr std::size_t kPiece = 64u << 10;
  static constexpr std::size_t kMostRights = 253;  // SCM_MAX_FD, unix(7)
  int fd_, domain_, type_;
  bool rights_;
  bool credentials_ = false;
  Arena& arena_;
  int old_offset_ = -1;
  bool offset_set_ = false;
  bool failed_ = false;        // reading beyond the data would take the error that waits there
  std::uint64_t left_ = 0;     // bytes up to the end of a stream that has failed
  std::int64_t at_ = 0;        // bytes passed
  std::int64_t urgent_at_ = -1;
  bool urgent_ = false;        // its byte was not taken
  char urgent_byte_ = 0;
  char* buffer_ = nullptr;
  std::size_t buffer_size_ = 0;
  char sender_[128];
  int right_numbers_[kMostRights];
};

}  // namespace stasis::hijack
