// Who one is: ids of the process, its thread, its parent, its group and its session, as the program knows them.
// World: hijack, any thread, also in signal handlers and between vfork and exec.
#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

STASIS_EXPORT pid_t getpid() noexcept { return programs_id(real::getpid()); }
STASIS_EXPORT pid_t __getpid() noexcept { return programs_id(real::getpid()); }
STASIS_EXPORT pid_t gettid() noexcept { return programs_id(real::gettid()); }
STASIS_EXPORT pid_t getppid() noexcept { return programs_id(real::getppid()); }
STASIS_EXPORT pid_t getpgrp() noexcept { return programs_id(real::getpgrp()); }
STASIS_EXPORT pid_t getpgid(pid_t pid) noexcept { return programs_id(real::getpgid(kernels_id(pid))); }
STASIS_EXPORT pid_t __getpgid(pid_t pid) noexcept { return programs_id(real::__getpgid(kernels_id(pid))); }
STASIS_EXPORT pid_t getsid(pid_t pid) noexcept { return programs_id(real::getsid(kernels_id(pid))); }
STASIS_EXPORT pid_t setsid() noexcept { return programs_id(real::setsid()); }
STASIS_EXPORT int setpgid(pid_t pid, pid_t group) noexcept { return real::setpgid(kernels_id(pid), kernels_id(group)); }
