// Who looks into whom (ptrace(2), and who may), by the ids that the program knows.
//
// World: hijack, any thread.
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

STASIS_EXPORT long ptrace(enum __ptrace_request request, ...) noexcept {
  va_list list;
  va_start(list, request);
  const pid_t id = va_arg(list, pid_t);
  void* const address = va_arg(list, void*);
  void* const data = va_arg(list, void*);
  va_end(list);
  const long result = real::ptrace(request, request == PTRACE_TRACEME ? id : kernels_id(id), address, data);
  // What the message is depends on the stop that it is asked in; only births tell ids.
  if (request == PTRACE_GETEVENTMSG && result == 0 && ids_are_virtual()) {
    siginfo_t stop;
    if (real::ptrace(PTRACE_GETSIGINFO, kernels_id(id), nullptr, &stop) != 0) return result;
    const int event = stop.si_code >> 8;
    auto& message = *static_cast<unsigned long*>(data);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_VFORK_DONE || event == PTRACE_EVENT_EXEC)
      message = static_cast<unsigned long>(programs_id(static_cast<std::int32_t>(message)));
  }
  return result;
}

STASIS_EXPORT int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long), c = va_arg(list, unsigned long), d = va_arg(list, unsigned long);
  va_end(list);
  constexpr unsigned long kAny = PR_SET_PTRACER_ANY;
  if (option == PR_SET_PTRACER && a != kAny && ids_are_virtual()) a = static_cast<unsigned long>(kernels_id(static_cast<std::int32_t>(a)));
  return real::prctl(option, a, b, c, d);
}
