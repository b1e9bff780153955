// Work that opens descriptors while other threads of the program run, or where it has no number left for one, done aside: by a thread of a moment that has a descriptor table of its own.
//
// A descriptor of ours in the program's table would be seen there: it takes the number that another thread's open(2) is sure to get, goes into the child of
// another thread's fork(2) for good, and may be closed or replaced by closefrom(3) or dup2(2) while we use it. The table aside begins empty
// (close_range(2) with CLOSE_RANGE_UNSHARE, Linux 5.9). The kernel copies the first descriptors all the same; those are closed at once, and if a
// message queue is among them by another process: the kernel forgets who is to be notified of messages (mq_notify(3)) when that one closes any descriptor of the queue.
// World: hijack, a thread with all signals blocked.
#pragma once
#include <cstddef>

namespace stasis::hijack {

// Runs function(argument) on another thread, which uses the stack that ends at `stack_top`, and returns when it has; on the caller's own if no thread can be had.
// Descriptors that the function opens must be closed when it returns, those of the program are not to be used in it.
void call_aside(void (*function)(void*), void* argument, void* stack_top) noexcept;

}  // namespace stasis::hijack
