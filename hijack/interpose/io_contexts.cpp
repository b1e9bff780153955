// Asynchronous I/O by libaio, and by number (syscall(2)) as programs make these calls that do without it: what the kernel does not tell is noted
// (hijack/engine/io_contexts.hpp).
//
// libaio's functions are plain names, which another library may use for something else. So ours have libaio's versions, and the loader takes them only for what
// was linked with libaio (exports.map has the versions). They return what the kernel returns, as libaio's do.
// World: hijack, any thread, also in signal handlers.
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"
#include "hijack/engine/io_contexts.hpp"

using namespace stasis::hijack;

extern "C" [[gnu::visibility("hidden")]] long stasis_submit(long id, long count, long requests, std::atomic<std::uint64_t>& counter) noexcept;
extern "C" [[gnu::visibility("hidden")]] long stasis_failed_call(long result) noexcept;

namespace {

long set_up(long count, long* id) noexcept {
  const long result = stasis::sys::call(SYS_io_setup, count, id);
  if (result == 0) note_context(static_cast<std::uint64_t>(*id));
  return result;
}

long destroy(long id) noexcept {
  if (id != 0) forget_context(static_cast<std::uint64_t>(id));
  return stasis::sys::call(SYS_io_destroy, id);
}

long submit(long id, long count, long requests) noexcept {
  return stasis_submit(id, count, requests, counter_of(static_cast<std::uint64_t>(id)));
}

}  // namespace

// Each call has its number in the code, from which one that was interrupted is known (hijack/engine/restart_call.hpp).
extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_io_call(long number, long a, long b, long c, long d, long e) noexcept {
  long result = 0;
  switch (number) {
    case SYS_io_setup: result = set_up(a, reinterpret_cast<long*>(b)); break;
    case SYS_io_destroy: result = destroy(a); break;
    case SYS_io_submit: result = submit(a, b, c); break;
    default: result = stasis::sys::call(SYS_io_getevents, a, b, c, d, e); break;
  }
  return stasis::sys::failed(result) ? stasis_failed_call(result) : result;
}

#define STASIS_LIBAIO(name, version) __asm__(".symver stasis_lib" #name ", " #name "@LIBAIO_" version ", remove")
STASIS_LIBAIO(io_setup, "0.4");
STASIS_LIBAIO(io_destroy, "0.4");
STASIS_LIBAIO(io_submit, "0.1");
#undef STASIS_LIBAIO

extern "C" [[gnu::visibility("default"), gnu::used]] int stasis_libio_setup(int count, long* id) noexcept { return static_cast<int>(set_up(count, id)); }
extern "C" [[gnu::visibility("default"), gnu::used]] int stasis_libio_destroy(long id) noexcept { return static_cast<int>(destroy(id)); }
extern "C" [[gnu::visibility("default"), gnu::used]] int stasis_libio_submit(long id, long count, long requests) noexcept {
  return static_cast<int>(submit(id, count, requests));
}
