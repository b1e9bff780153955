// A system call that a stop interrupted when it had done a part of its work does the rest.
//
// A write of much to a pipe that is full, say, returns how much was written when a signal handler has run; a program that handles no signals never sees that. The handler makes the
// thread go on in rest_of_call.S instead of behind the call: with every register as it was, but RAX the part that is done and all there is to do, RCX where to go back to, R11 the
// call's number and whether it is about a socket. (What must be asked of the kernel is asked before: a signal that came in between would not end the call.) There the call's arguments
// are put onto the thread's own stack, below the red zone; the rest is asked for; and the thread goes back with the sum, as if it had come from the kernel. A stop in
// between marks that, and the rest of the rest is asked for. If a signal of the program's own comes during the rest, its handler runs there, and the call returns short as it would
// have (handler_return.hpp); a handler that leaves it (siglongjmp, cancellation) leaves nothing behind.
//
// Short is left what the kernel would not do alike: urgent data (MSG_OOB), MSG_ZEROCOPY, recvmsg(2) with room for control data, and a terminal whose reads have a time limit (VTIME).
// World: hijack; the rest itself: any thread. General registers only, since a system call keeps the others.
#pragma once
#include <ucontext.h>

#include <cstdint>

namespace stasis::hijack {

// On the stack of the thread, made by rest_of_call.S.
struct RestOfCall {
  std::int32_t number;
  std::int32_t is_socket;  // what it is about
  std::int32_t done;       // bytes, or messages or events
  std::int32_t total;
  long arguments[6];       // of the call as the program made it
  long is_interrupted;     // 1: by us, so that it is no matter of the program's
  long is_ended;           // 1: a handler of the program's has come meanwhile
};

// Whether a call that returned what `registers` say may have more to do.
bool has_rest(const greg_t* registers, std::int64_t number) noexcept;
// The thread does the rest of its call `number`, which has just returned.
void go_on_with_rest(greg_t* registers, std::int64_t number) noexcept;
// A thread that was to begin with it returns with the part that is done after all; false if it was not.
bool leave_rest(greg_t* registers) noexcept;
// Whether a thread with these registers does a rest.
bool is_in_rest(const greg_t* registers) noexcept;
// A handler of the program's returns to `registers`: if they are those of a thread that does a rest, it does no more of it. False if they are not.
bool end_rest(greg_t* registers) noexcept;
// The rest that a thread was doing, if `registers` are those with which the call that it made for that has returned, else null.
RestOfCall* interrupted_rest(const greg_t* registers) noexcept;
// We have, when a part of that was done.
void note_interruption(RestOfCall& rest) noexcept;
// The number of that call.
inline std::int64_t number_in_rest(const greg_t* registers) noexcept { return registers[REG_RBX]; }

}  // namespace stasis::hijack
