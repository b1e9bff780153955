// See event_loop.hpp.
// World: programs.
#include "coordinator/event_loop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace stasis::coordinator {

EventLoop::~EventLoop() {
  if (epoll_ >= 0) ::close(epoll_);
}

Status EventLoop::open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return system_error("epoll_create1", -errno);
  return {};
}

void EventLoop::watch(int fd, Handler handler) {
  forget(fd);
  const std::uint64_t number = ++last_;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return;
  watched_[number] = {fd, std::make_shared<Handler>(std::move(handler))};
  numbers_[fd] = number;
}

void EventLoop::forget(int fd) {
  const auto found = numbers_.find(fd);
  if (found == numbers_.end()) return;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(found->second);
  numbers_.erase(found);
}

void EventLoop::wait(Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now() + std::chrono::microseconds(999)).count();
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_, events, 64, static_cast<int>(std::clamp<long long>(left, 0, 3'600'000)));
  for (int i = 0; i < count; ++i) {
    const auto found = watched_.find(events[i].data.u64);
    if (found == watched_.end()) continue;  // forgotten by a handler of this round
    const std::shared_ptr<Handler> handler = found->second.handler;
    (*handler)();
  }
}

}  // namespace stasis::coordinator
