// Priorities, schedulers, limits and memory of others, by the ids that the program knows.
// World: hijack, any thread.
#include <sched.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

namespace {

id_t kernels_of(__priority_which_t which, id_t who) noexcept { return which == PRIO_USER ? who : static_cast<id_t>(kernels_id(static_cast<std::int32_t>(who))); }

}  // namespace

STASIS_EXPORT int getpriority(__priority_which_t which, id_t who) noexcept { return real::getpriority(which, kernels_of(which, who)); }
STASIS_EXPORT int setpriority(__priority_which_t which, id_t who, int priority) noexcept { return real::setpriority(which, kernels_of(which, who), priority); }
STASIS_EXPORT int sched_setscheduler(pid_t pid, int policy, const struct sched_param* parameters) noexcept {
  return real::sched_setscheduler(kernels_id(pid), policy, parameters);
}
STASIS_EXPORT int sched_getscheduler(pid_t pid) noexcept { return real::sched_getscheduler(kernels_id(pid)); }
STASIS_EXPORT int sched_setparam(pid_t pid, const struct sched_param* parameters) noexcept { return real::sched_setparam(kernels_id(pid), parameters); }
STASIS_EXPORT int sched_getparam(pid_t pid, struct sched_param* parameters) noexcept { return real::sched_getparam(kernels_id(pid), parameters); }
STASIS_EXPORT int sched_rr_get_interval(pid_t pid, struct timespec* interval) noexcept { return real::sched_rr_get_interval(kernels_id(pid), interval); }
STASIS_EXPORT int sched_setaffinity(pid_t pid, std::size_t size, const cpu_set_t* set) noexcept { return real::sched_setaffinity(kernels_id(pid), size, set); }
STASIS_EXPORT int sched_getaffinity(pid_t pid, std::size_t size, cpu_set_t* set) noexcept { return real::sched_getaffinity(kernels_id(pid), size, set); }
STASIS_EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit* wanted, struct rlimit* old) noexcept {
  return real::prlimit(kernels_id(pid), resource, wanted, old);
}
STASIS_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64* wanted, struct rlimit64* old) noexcept {
  return real::prlimit64(kernels_id(pid), resource, wanted, old);
}
STASIS_EXPORT ssize_t process_vm_readv(pid_t pid, const struct iovec* here, unsigned long here_count, const struct iovec* there, unsigned long there_count,
                                       unsigned long flags) noexcept {
  return real::process_vm_readv(kernels_id(pid), here, here_count, there, there_count, flags);
}
STASIS_EXPORT ssize_t process_vm_writev(pid_t pid, const struct iovec* here, unsigned long here_count, const struct iovec* there, unsigned long there_count,
                                        unsigned long flags) noexcept {
  return real::process_vm_writev(kernels_id(pid), here, here_count, there, there_count, flags);
}
