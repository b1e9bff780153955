// See output_relay.hpp.
// World: programs.
#include "launch_proxy/output_relay.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "launch_proxy/streams.hpp"

namespace stasis::launch_proxy {
namespace {
constexpr std::size_t kPiece = 64 * 1024;
}

OutputRelay::OutputRelay(int target, std::string_view launch, bool labelled, Drained drained)
    : target_(target),
      drained_(std::move(drained)),
      filter_(launch, labelled,
              {[this](std::string_view text) {
                 if (!dropping_) pending_.append(text);
               },
               [this](const proto::DrainMarker& marker) {
                 marks_.push_back({pending_.size(), marker});
               }}) {}

void OutputRelay::take_source(int source) {
  close_source();
  source_ = source;
  left_.reset();
}

void OutputRelay::end_source() {
  int unread = 0;
  if (source_ < 0) return;
  ::ioctl(source_, FIONREAD, &unread);
  left_ = static_cast<std::size_t>(unread);
  if (unread == 0) close_source();
}

void OutputRelay::close_source() {
  if (source_ >= 0) ::close(source_);
  source_ = -1;
}

pollfd OutputRelay::wanted() const { return pending_.empty() ? pollfd{source_, POLLIN, 0} : pollfd{target_, POLLOUT, 0}; }

void OutputRelay::tell_marks() {
  while (!marks_.empty() && marks_.front().at == 0) {
    const proto::DrainMarker marker = marks_.front().marker;
    marks_.pop_front();
    drained_(marker);
  }
}

void OutputRelay::write_pending() {
  while (!pending_.empty()) {
    const ssize_t put = write_now(target_, pending_.data(), pending_.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    std::size_t gone = static_cast<std::size_t>(put);
    if (put < 0) {
      if (errno == EPIPE) close_source();
      dropping_ = true;
      gone = pending_.size();
    }
    pending_.erase(0, gone);
    for (Mark& mark : marks_) mark.at -= std::min(mark.at, gone);
    tell_marks();
  }
}

// True if something was read or the end has come.
bool OutputRelay::read_source(bool& ended) {
  static char buffer[kPiece];
  if (source_ < 0) return false;
  const ssize_t got = ::read(source_, buffer, std::min(sizeof buffer, left_.value_or(sizeof buffer)));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got > 0) {
    filter_.feed({buffer, static_cast<std::size_t>(got)});
    tell_marks();
    if (left_) *left_ -= static_cast<std::size_t>(got);
  }
  if (got <= 0 || left_ == 0u) {
    close_source();
    ended = true;
  }
  return true;
}

bool OutputRelay::advance() {
  bool ended = false;
  write_pending();
  if (pending_.empty() && read_source(ended)) write_pending();
  return ended;
}

void OutputRelay::finish() {
  filter_.finish();
  write_pending();
}

}  // namespace stasis::launch_proxy
