// io_uring by number (syscall(2)), as programs make these calls that do without liburing: what the kernel does not tell is noted (hijack/engine/ring_notes.hpp). Where such
// a program maps a ring's memory, too.
// World: hijack, any thread, also in signal handlers.
#include "hijack/interpose/rings.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstring>

#include "core/sys/syscall.hpp"
#include "hijack/engine/ring_notes.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

extern "C" [[gnu::visibility("hidden")]] long stasis_failed_call(long result) noexcept;

namespace stasis::hijack {

std::int32_t callers_id() noexcept { return programs_id(static_cast<std::int32_t>(sys::call(SYS_gettid))); }

void note_made_ring(int fd, const io_uring_params& made) noexcept {
  if ((made.flags & kSetupRegisteredOnly) != 0) return;  // `fd` is none; the thread has it (hijack/engine/thread_attributes.hpp)
  const io_sqring_offsets& requests = made.sq_off;
  const io_cqring_offsets& results = made.cq_off;
  note_ring(fd,
            {.flags = made.flags,
             .requests = made.sq_entries,
             .results = made.cq_entries,
             .head = requests.head,
             .tail = requests.tail,
             .state = requests.flags,
             .dropped = requests.dropped,
             .array = requests.array,
             .result_head = results.head,
             .result_tail = results.tail,
             .lost = results.overflow,
             .events = results.cqes},
            callers_id());
  if ((made.flags & kSetupNoMmap) == 0) return;
  const char *at_results, *at_entries;  // user_addr at the end of both (Linux 6.5)
  std::memcpy(&at_results, reinterpret_cast<const char*>(&results + 1) - 8, 8);
  std::memcpy(&at_entries, reinterpret_cast<const char*>(&requests + 1) - 8, 8);
  note_ring_memory(fd, IORING_OFF_SQ_RING, at_results);
  note_ring_memory(fd, IORING_OFF_SQES, at_entries);
}

}  // namespace stasis::hijack

namespace {

constexpr long kByRegistered = 1 << 4;                // IORING_ENTER_REGISTERED_RING
constexpr unsigned kUseRegistered = 1u << 31;         // IORING_REGISTER_USE_REGISTERED_RING

long set_up(long entries, long parameters) noexcept {
  const long result = stasis::sys::call(SYS_io_uring_setup, entries, parameters);
  if (result >= 0) note_made_ring(static_cast<int>(result), *reinterpret_cast<const io_uring_params*>(parameters));
  return result;
}

long enter(long fd, long count, long least, long flags, long argument, long size) noexcept {
  if (static_cast<unsigned>(count) != 0) {
    if ((flags & kByRegistered) != 0) doubt_rings(kUnseen);
    else look_at_requests(static_cast<int>(fd), nullptr);
  }
  return stasis::sys::call(SYS_io_uring_enter, fd, count, least, flags, argument, size);
}

long registered(long fd, long what, long argument, long count) noexcept {
  const long result = stasis::sys::call(SYS_io_uring_register, fd, what, argument, count);
  if ((static_cast<unsigned>(what) & kUseRegistered) != 0) doubt_rings(kUnseen);
  else if (result >= 0) note_ring_registration(static_cast<int>(fd), static_cast<unsigned>(what), reinterpret_cast<const void*>(argument), static_cast<unsigned>(count), result, callers_id());
  return result;
}

long map(long place, long length, long protection, long flags, long fd, long offset) noexcept {
  const long result = stasis::sys::call(SYS_mmap, place, length, protection, flags, fd, offset);
  if (fd >= 0 && has_rings() && !stasis::sys::failed(result) && (flags & MAP_SHARED) != 0)
    note_ring_memory(static_cast<int>(fd), static_cast<std::uint64_t>(offset), reinterpret_cast<const void*>(result));
  return result;
}

long unmap(long place, long length) noexcept {
  if (has_rings()) note_unmapping(reinterpret_cast<const void*>(place), static_cast<std::uint64_t>(length));
  return stasis::sys::call(SYS_munmap, place, length);
}

long told(long result) noexcept { return stasis::sys::failed(result) ? stasis_failed_call(result) : result; }

}  // namespace

// Each call has its number in the code, from which one that was interrupted is known (hijack/engine/restart_call.hpp).
extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_ring_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
  switch (number) {
    case SYS_io_uring_setup: return told(set_up(a, b));
    case SYS_io_uring_enter: return told(enter(a, b, c, d, e, f));
    case SYS_io_uring_register: return told(registered(a, b, c, d));
    case SYS_mmap: return told(map(a, b, c, d, e, f));
    default: return told(unmap(a, b));
  }
}

// Not by the C library's: an allocator may call these while the loader looks for names.
STASIS_EXPORT void* mmap(void* place, std::size_t length, int protection, int flags, int fd, off_t offset) noexcept {
  return reinterpret_cast<void*>(told(map(reinterpret_cast<long>(place), static_cast<long>(length), protection, flags, fd, offset)));
}
STASIS_EXPORT void* mmap64(void* place, std::size_t length, int protection, int flags, int fd, off64_t offset) noexcept {
  return reinterpret_cast<void*>(told(map(reinterpret_cast<long>(place), static_cast<long>(length), protection, flags, fd, offset)));
}
STASIS_EXPORT int munmap(void* place, std::size_t length) noexcept { return static_cast<int>(told(unmap(reinterpret_cast<long>(place), static_cast<long>(length)))); }
