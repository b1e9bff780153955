// One peer on the coordinator's socket: a member while a checkpoint or a restart runs, or a program of ours that asks for something.
//
// Reading never blocks; writing does, with a limit: a peer waits for what it gets, so its buffer is empty.
// World: programs.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/codec/codec.hpp"
#include "core/proto/framed.hpp"
#include "core/proto/messages.hpp"

namespace stasis::coordinator {

struct Frame {
  proto::MessageType type{};
  std::string payload;
  template <class Message>
  Message as() const {  // points into payload
    Message message;
    Reader reader(payload);
    reader.record(message);
    return message;
  }
};

class Connection {
 public:
  // Takes an accepted socket. `pid` and `uid` are the peer's, by SO_PEERCRED.
  explicit Connection(int fd);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  int fd() const { return fd_; }
  std::int32_t pid() const { return pid_; }
  // By which the program knows a member that has said Hello, and its image and the manifest; after a restart the kernel may know it by another.
  std::int32_t programs_pid() const { return programs_pid_; }
  void know(std::int32_t programs_pid) { programs_pid_ = programs_pid; }
  bool is_own_user() const;

  // Reads what has come. False when the peer is gone or speaks nonsense.
  bool read_available();
  // Takes the next complete frame out of what has been read.
  bool next(Frame& frame);

  template <class Message>
  bool send(const Message& message) {
    return send_bytes(proto::framed(message), {});
  }
  // With descriptors, which stay the caller's.
  template <class Message>
  bool send_with(const Message& message, const std::vector<int>& fds) {
    return send_bytes(proto::framed(message), fds);
  }
  // The first `count` descriptors that have come and were not taken, now the caller's; fewer if there are not so many.
  std::vector<int> take_fds(std::size_t count);

 private:
  bool send_bytes(const std::string& bytes, const std::vector<int>& fds);
  int fd_;
  std::int32_t programs_pid_ = 0;
  std::int32_t pid_ = 0;
  std::uint32_t uid_ = ~0u;
  std::string input_;
  std::vector<int> fds_;  // that came with it
};

}  // namespace stasis::coordinator
