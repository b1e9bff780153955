// Looking into a POSIX message queue, or taking what is in that or in a connection out and sending it again, by a process of a moment.
//
// Not by this one: when the process that is to be notified (mq_notify(3)) closes any descriptor of the queue, the kernel forgets the notification; and the descriptor of the
// program may be good for one direction only. That process shares our memory, has a copy of our descriptors, and finishes even if we are killed meanwhile.
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// What reading the queue as a file tells (mq_overview(7)).
struct QueueFacts {
  bool has_registration = false;  // somebody is to be notified
  std::int32_t registered = 0;    // that process, 0 if it cannot be seen from here
  std::int32_t how = 0;           // SIGEV_*
  std::int32_t signal = 0;        // of SIGEV_SIGNAL
};

// Calls function(queue, argument) in the other process; `queue` is a descriptor of the queue or socket `fd` that can do what `access` (O_RDONLY, O_RDWR) says, blocking or not. Errors: system.
Status visit_queue(int fd, int access, Arena& arena, void (*function)(int queue, void* argument), void* argument) noexcept;

// Of a descriptor that can be read.
Result<QueueFacts> read_queue_facts(int queue) noexcept;

}  // namespace stasis::hijack
