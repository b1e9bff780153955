// The one loop of a coordinator: calls what belongs to a descriptor when there is something to read from it.
//
// On epoll(7), so that a round costs what happens in it and not what is connected. Time is the caller's: it says until when a round may
// wait. Handlers may watch and forget any descriptor, their own included.
// World: programs. One thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "core/base/result.hpp"

namespace stasis::coordinator {

using Clock = std::chrono::steady_clock;

class EventLoop {
 public:
  using Handler = std::function<void()>;

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  Status open();
  // Calls `handler` in every round in which `fd` is readable or hung up. The descriptor stays the caller's.
  void watch(int fd, Handler handler);
  // To be called before the descriptor is closed.
  void forget(int fd);
  // One round: waits until something happens or `until` has come, and calls the handlers.
  void wait(Clock::time_point until);

 private:
  struct Watched {
    int fd = -1;
    std::shared_ptr<Handler> handler;
  };
  int epoll_ = -1;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Watched> watched_;  // by a number that is never used again: a descriptor's is
  std::map<int, std::uint64_t> numbers_;
};

}  // namespace stasis::coordinator
