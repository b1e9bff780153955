// What processes and threads have used goes on from where it was: processor time, and what getrusage(2) and times(2) tell.
//
// The kernel counts a restored process from its birth and lets nobody set that. So there are differences to what it says, zero in a process that was never
// restored, which the wrappers add (hijack/interpose/processor_time.cpp); the clocks of processor time would go back otherwise.
// World: hijack, any thread, also in signal handlers.
#pragma once
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

#include <cstdint>

namespace stasis::hijack {

struct Usage {
  std::int64_t processor_ns;
  rusage resources;
};

struct ProcessUsage {
  Usage own;
  Usage children;       // those that were waited for; its processor_ns is not used
  std::int64_t ticks;   // what times(2) returns
};

// What the program is told.
Usage thread_usage() noexcept;
ProcessUsage process_usage() noexcept;
// From now on it is told of this, and what comes.
void continue_thread_usage(const Usage& usage) noexcept;
void continue_process_usage(const ProcessUsage& usage) noexcept;
// In the child of a fork, which has used nothing yet.
void begin_usage() noexcept;

// What is to be added to what the kernel says.
const Usage& thread_difference() noexcept;
const ProcessUsage& process_difference() noexcept;
void add(std::int64_t nanoseconds, timespec& time) noexcept;
void add(const rusage& more, rusage& to) noexcept;

}  // namespace stasis::hijack
