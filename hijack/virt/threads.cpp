// Threads by their pthread_t, in which the C library keeps the program's id of a thread, that mutexes name their owners by, and not the kernel's.
//
// So what it would tell the kernel of another thread is told here. A thread that is made now has the kernel's id there, unless the program knows somebody
// else by that.
// World: hijack, any thread.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "core/registry/id_table.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/engine/process_record.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/threads.hpp"

using namespace stasis::hijack;
namespace sys = stasis::sys;

namespace {

// Where the id is in a thread's descriptor, as the C library tells debuggers (libthread_db): bits, count, offset.
constinit const std::uint32_t* layout = nullptr;

std::int32_t* id_field(std::uintptr_t thread) noexcept { return layout == nullptr ? nullptr : reinterpret_cast<std::int32_t*>(thread + layout[2]); }

void write_own_id(std::int32_t id) noexcept {
  if (std::int32_t* const field = id_field(reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer())); field != nullptr) __atomic_store_n(field, id, __ATOMIC_RELAXED);
}

// The kernel's id; 0 of a thread that has ended. What is no id of the program's is the kernel's already, in a function of a mutex (mutexes.hpp).
std::int32_t kernels_of(pthread_t thread) noexcept {
  const std::int32_t* const field = id_field(thread);
  const std::int32_t id = field == nullptr ? 0 : __atomic_load_n(field, __ATOMIC_RELAXED);
  if (id <= 0) return 0;
  const std::int32_t kernels = kernels_id(id);
  return kernels == stasis::kNobody ? id : kernels;
}

bool is_own(pthread_t thread) noexcept { return thread == reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer()); }

int reason(long result) noexcept { return result < 0 ? static_cast<int>(-result) : 0; }

// What a new thread of the program does first. Its room is a page of its own: malloc is the program's.
struct Start {
  void* (*function)(void*);
  void* argument;
  std::uint64_t since;
};

void* begin(void* room) noexcept(false) {
  const Start start = *static_cast<Start*>(room);
  sys::call(SYS_munmap, room, sizeof(Start));
  const auto own = static_cast<std::int32_t>(sys::call(SYS_gettid));
  if (const std::int32_t known = newborn_id(own, start.since); known != own) write_own_id(known);
  return start.function(start.argument);
}

// A thread's file of its own below /proc/self/task, for its name.
stasis::FixedString<64> name_file(pthread_t thread) noexcept {
  stasis::FixedString<64> path("/proc/self/task/");
  path.append_signed(kernels_of(thread)).append("/comm");
  return path;
}

}  // namespace

namespace stasis::hijack {

void learn_thread_layout() noexcept { layout = static_cast<const std::uint32_t*>(::dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid")); }

std::int32_t* own_id_field() noexcept { return id_field(reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer())); }

void take_own_id() noexcept {
  if (!ids_are_virtual()) return;
  const auto own = static_cast<std::int32_t>(sys::call(SYS_getpid));
  if (has_entry(own)) born_id(own, started_ms(own));
  write_own_id(programs_id(own));
}

}  // namespace stasis::hijack

STASIS_EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*), void* argument) noexcept {
  if (!ids_are_virtual()) return real::pthread_create(thread, attributes, function, argument);
  const long room = sys::call(SYS_mmap, nullptr, sizeof(Start), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sys::failed(room)) return EAGAIN;
  auto* start = new (reinterpret_cast<void*>(room)) Start{function, argument, birth_time()};
  const int result = real::pthread_create(thread, attributes, begin, start);
  if (result != 0) sys::call(SYS_munmap, start, sizeof(Start));
  return result;
}

STASIS_EXPORT int pthread_kill(pthread_t thread, int signal) noexcept {
  if (!ids_are_virtual() || signal == 32 || signal == 33) return real::pthread_kill(thread, signal);
  const std::int32_t id = kernels_of(thread);
  if (id == 0) return 0;  // it has ended and was not joined (pthread_kill(3), glibc 2.34)
  return reason(sys::call(SYS_tgkill, sys::call(SYS_getpid), id, signal));
}

STASIS_EXPORT int pthread_sigqueue(pthread_t thread, int signal, const union sigval value) noexcept {
  if (!ids_are_virtual() || signal == 32 || signal == 33) return real::pthread_sigqueue(thread, signal, value);
  const std::int32_t id = kernels_of(thread);
  if (id == 0) return 0;
  const auto pid = static_cast<pid_t>(sys::call(SYS_getpid));
  siginfo_t info = {};
  info.si_signo = signal, info.si_code = SI_QUEUE, info.si_pid = pid, info.si_uid = static_cast<uid_t>(sys::call(SYS_getuid)), info.si_value = value;
  return reason(sys::call(SYS_rt_tgsigqueueinfo, pid, id, signal, &info));
}

// The C library notes that the thread is to end, and sends a signal to the wrong one, which nobody is; so it is sent again.
STASIS_EXPORT int pthread_cancel(pthread_t thread) {
  const int result = real::pthread_cancel(thread);
  if (result != ESRCH || !ids_are_virtual()) return result;
  constexpr int kCancel = 32;  // SIGCANCEL, the C library's own
  const std::int32_t id = kernels_of(thread);
  return id == 0 ? 0 : reason(sys::call(SYS_tgkill, sys::call(SYS_getpid), id, kCancel));
}

STASIS_EXPORT int pthread_setaffinity_np(pthread_t thread, std::size_t size, const cpu_set_t* set) noexcept {
  if (!ids_are_virtual()) return real::pthread_setaffinity_np(thread, size, set);
  return reason(sys::call(SYS_sched_setaffinity, kernels_of(thread), size, set));
}

STASIS_EXPORT int pthread_getaffinity_np(pthread_t thread, std::size_t size, cpu_set_t* set) noexcept {
  if (!ids_are_virtual()) return real::pthread_getaffinity_np(thread, size, set);
  const long result = sys::call(SYS_sched_getaffinity, kernels_of(thread), size, set);
  if (result < 0) return reason(result);
  std::memset(reinterpret_cast<char*>(set) + result, 0, size - static_cast<std::size_t>(result));
  return 0;
}

STASIS_EXPORT int pthread_getschedparam(pthread_t thread, int* policy, struct sched_param* parameters) noexcept {
  if (!ids_are_virtual()) return real::pthread_getschedparam(thread, policy, parameters);
  const std::int32_t id = kernels_of(thread);
  if (id == 0) return ESRCH;
  const long found = sys::call(SYS_sched_getscheduler, id);
  if (found < 0) return reason(found);
  *policy = static_cast<int>(found);
  return reason(sys::call(SYS_sched_getparam, id, parameters));
}

STASIS_EXPORT int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param* parameters) noexcept {
  if (!ids_are_virtual()) return real::pthread_setschedparam(thread, policy, parameters);
  const std::int32_t id = kernels_of(thread);
  return id == 0 ? ESRCH : reason(sys::call(SYS_sched_setscheduler, id, policy, parameters));
}

STASIS_EXPORT int pthread_setschedprio(pthread_t thread, int priority) noexcept {
  if (!ids_are_virtual()) return real::pthread_setschedprio(thread, priority);
  const std::int32_t id = kernels_of(thread);
  sched_param parameters = {};
  parameters.sched_priority = priority;
  return id == 0 ? ESRCH : reason(sys::call(SYS_sched_setparam, id, &parameters));
}

// By another thread's file of /proc, as the C library does it, too; the caller's own name has a call of its own.
STASIS_EXPORT int pthread_setname_np(pthread_t thread, const char* name) noexcept {
  if (!ids_are_virtual() || is_own(thread)) return real::pthread_setname_np(thread, name);
  constexpr std::size_t kLongest = 15;
  const std::size_t length = std::strlen(name);
  if (length > kLongest) return ERANGE;
  const OwnedFd file = open_file(name_file(thread).c_str(), O_RDWR);
  return file.ok() ? reason(sys::call(SYS_write, file.get(), name, length)) : -file.get();
}

STASIS_EXPORT int pthread_getname_np(pthread_t thread, char* name, std::size_t size) noexcept {
  constexpr std::size_t kRoom = 16;
  if (!ids_are_virtual() || is_own(thread) || size < kRoom) return real::pthread_getname_np(thread, name, size);
  const OwnedFd file = open_file(name_file(thread).c_str(), O_RDONLY);
  if (!file.ok()) return -file.get();
  const long length = sys::call(SYS_read, file.get(), name, size);
  if (length < 0) return reason(length);
  name[length > 0 && name[length - 1] == '\n' ? length - 1 : length] = '\0';
  return 0;
}

// The C library asks for the affinity last, and has all the rest by then.
STASIS_EXPORT int pthread_getattr_np(pthread_t thread, pthread_attr_t* attributes) noexcept {
  const int result = real::pthread_getattr_np(thread, attributes);
  if (!ids_are_virtual() || (result != 0 && result != ESRCH)) return result;
  cpu_set_t set;
  if (const int failure = pthread_getaffinity_np(thread, sizeof set, &set); failure != 0) return failure == EINVAL ? 0 : failure;  // a larger machine
  return ::pthread_attr_setaffinity_np(attributes, sizeof set, &set);
}
