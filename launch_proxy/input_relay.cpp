// See input_relay.hpp.
// World: programs.
#include "launch_proxy/input_relay.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "launch_proxy/streams.hpp"

namespace stasis::launch_proxy {
namespace {
constexpr std::size_t kPiece = 4096;  // a pipe of this size has room only when it is empty
}

void InputRelay::take_target(int target) {
  close_target();
  target_ = target;
  room_ = false;
  ::fcntl(target_, F_SETPIPE_SZ, kPiece);
}

void InputRelay::close_target() {
  if (target_ >= 0) ::close(target_);
  target_ = -1;
}

// The pipe is watched in any case: an error there says that nobody reads it.
void InputRelay::wanted(pollfd& source, pollfd& target) const {
  source = {target_ >= 0 && room_ ? STDIN_FILENO : -1, POLLIN, 0};
  target = {target_, static_cast<short>(room_ ? 0 : POLLOUT), 0};
}

bool InputRelay::advance(const pollfd& source, const pollfd& target) {
  if (target_ < 0) return false;
  if ((target.revents & POLLERR) != 0) return true;
  if ((target.revents & POLLOUT) != 0) room_ = true;
  if (source.revents != 0 && pending_.empty()) {
    char buffer[kPiece];
    const ssize_t got = read_now(STDIN_FILENO, buffer, sizeof buffer);
    if (got > 0)
      pending_.assign(buffer, static_cast<std::size_t>(got));
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
      ended_ = true;
  }
  if (room_ && !pending_.empty()) {
    const ssize_t put = ::write(target_, pending_.data(), pending_.size());
    if (put < 0 && errno == EPIPE) return true;
    if (put > 0) pending_.erase(0, static_cast<std::size_t>(put));
    room_ = false;
  }
  if (ended_ && pending_.empty()) close_target();
  return false;
}

}  // namespace stasis::launch_proxy
