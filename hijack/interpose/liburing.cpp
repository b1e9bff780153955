// liburing, which makes its system calls itself: what is noted of a ring (hijack/engine/ring_notes.hpp) is noted in front of its functions.
//
// They are plain names, which another library may use for something else. So ours have liburing's versions, and the loader takes them only for what was linked with liburing
// (exports.map has the versions). Of later functions than we know, those that submit requests are noticed by the kernel's count, and those that register files or buffers, too.
// World: hijack, any thread.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "core/sys/syscall.hpp"
#include "hijack/engine/ring_notes.hpp"
#include "hijack/interpose/rings.hpp"

using namespace stasis::hijack;

namespace {

// struct io_uring of liburing.h, as far as all versions have it alike.
struct LibraryRing {
  struct {
    std::uint32_t *head, *tail, *mask, *entries, *flags, *dropped, *array;
    io_uring_sqe* sqes;
    std::uint32_t local_head, local_tail;
    std::size_t size;
    char* memory;
    std::uint32_t more[4];
  } requests;
  struct {
    std::uint32_t *head, *tail, *mask, *entries, *flags, *overflow;
    io_uring_cqe* cqes;
    std::size_t size;
    char* memory;
    std::uint32_t more[4];
  } results;
  std::uint32_t flags;
  std::int32_t fd;
};

#define STASIS_FUNCTIONS(FUNCTION)                                                                                                                                  \
  FUNCTION(io_uring_queue_init) FUNCTION(io_uring_queue_init_params) FUNCTION(io_uring_queue_mmap) FUNCTION(io_uring_queue_exit) FUNCTION(io_uring_submit)           \
  FUNCTION(io_uring_submit_and_wait) FUNCTION(io_uring_submit_and_wait_timeout) FUNCTION(io_uring_submit_and_get_events) FUNCTION(io_uring_register_buffers)         \
  FUNCTION(io_uring_register_buffers_tags) FUNCTION(io_uring_register_buffers_sparse) FUNCTION(io_uring_register_buffers_update_tag)                                 \
  FUNCTION(io_uring_unregister_buffers) FUNCTION(io_uring_register_files) FUNCTION(io_uring_register_files_tags) FUNCTION(io_uring_register_files_sparse)            \
  FUNCTION(io_uring_register_files_update) FUNCTION(io_uring_register_files_update_tag) FUNCTION(io_uring_unregister_files) FUNCTION(io_uring_register_eventfd)      \
  FUNCTION(io_uring_register_eventfd_async) FUNCTION(io_uring_unregister_eventfd) FUNCTION(io_uring_register_iowq_aff) FUNCTION(io_uring_register_iowq_max_workers)  \
  FUNCTION(io_uring_register_buf_ring) FUNCTION(io_uring_setup_buf_ring) FUNCTION(io_uring_register_file_alloc_range) FUNCTION(io_uring_register_restrictions)       \
  FUNCTION(io_uring_enable_rings)

enum Function {
#define FUNCTION(name) k_##name,
  STASIS_FUNCTIONS(FUNCTION)
#undef FUNCTION
      kFunctions
};
constexpr const char* kNames[] = {
#define FUNCTION(name) #name,
    STASIS_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

constinit void* functions[kFunctions] = {};

// All at once, when the program makes its first ring: in a signal handler dlsym must not be called any more. A library that has liburing for itself alone (dlopen(3)) has it under its name.
void resolve() noexcept {
  void* own = nullptr;
  for (int i = 0; i != kFunctions; ++i) {
    void* found = ::dlsym(RTLD_NEXT, kNames[i]);
    if (found == nullptr && own == nullptr) own = ::dlopen("liburing.so.2", RTLD_LAZY | RTLD_NOLOAD);
    if (found == nullptr && own != nullptr) found = ::dlsym(own, kNames[i]);
    functions[i] = found;
  }
}

// What there returns an int or nothing.
template <class... Arguments>
int real_function(Function which, Arguments... arguments) noexcept {
  if (__builtin_expect(functions[which] == nullptr, 0)) resolve();
  if (functions[which] == nullptr) return -ENOSYS;
  return reinterpret_cast<int (*)(Arguments...)>(functions[which])(arguments...);
}

std::uint32_t distance(const void* place, const char* memory) noexcept { return place == nullptr ? 0 : static_cast<std::uint32_t>(static_cast<const char*>(place) - memory); }

void note_library_ring(const LibraryRing& ring) noexcept {
  const auto& requests = ring.requests;
  const auto& results = ring.results;
  io_uring_params made{};
  made.flags = ring.flags, made.sq_entries = *requests.entries, made.cq_entries = *results.entries;
  made.sq_off.head = distance(requests.head, requests.memory), made.sq_off.tail = distance(requests.tail, requests.memory);
  made.sq_off.flags = distance(requests.flags, requests.memory), made.sq_off.dropped = distance(requests.dropped, requests.memory);
  made.sq_off.array = distance(requests.array, requests.memory);
  made.cq_off.head = distance(results.head, results.memory), made.cq_off.tail = distance(results.tail, results.memory);
  made.cq_off.overflow = distance(results.overflow, results.memory), made.cq_off.cqes = distance(results.cqes, results.memory);
  const char *at_requests = requests.memory, *at_entries = reinterpret_cast<const char*>(requests.sqes);
  std::memcpy(reinterpret_cast<char*>(&made.cq_off + 1) - 8, &at_requests, 8);
  std::memcpy(reinterpret_cast<char*>(&made.sq_off + 1) - 8, &at_entries, 8);
  note_made_ring(ring.fd, made);
  note_ring_memory(ring.fd, IORING_OFF_SQ_RING, requests.memory);
  note_ring_memory(ring.fd, IORING_OFF_SQES, at_entries);
}

int noted(int result, const LibraryRing* ring) noexcept {
  if (result >= 0) note_library_ring(*ring);
  return result;
}

int noted(int result, const LibraryRing* ring, unsigned what, const void* argument, unsigned count) noexcept {
  if (result >= 0) note_ring_registration(ring->fd, what, argument, count, result, callers_id());
  return result;
}

std::uint64_t address(const void* place) noexcept { return reinterpret_cast<std::uintptr_t>(place); }

void look(const LibraryRing* ring) noexcept { look_at_requests(ring->fd, &ring->requests.local_tail); }

}  // namespace

#define STASIS_LIBURING(name, version) __asm__(".symver stasis_lib" #name ", " #name "@LIBURING_" version ", remove")
STASIS_LIBURING(io_uring_queue_init, "2.0");
STASIS_LIBURING(io_uring_queue_init_params, "2.0");
STASIS_LIBURING(io_uring_queue_mmap, "2.0");
STASIS_LIBURING(io_uring_queue_exit, "2.0");
STASIS_LIBURING(io_uring_submit, "2.0");
STASIS_LIBURING(io_uring_submit_and_wait, "2.0");
STASIS_LIBURING(io_uring_submit_and_wait_timeout, "2.2");
STASIS_LIBURING(io_uring_submit_and_get_events, "2.3");
STASIS_LIBURING(io_uring_register_buffers, "2.0");
STASIS_LIBURING(io_uring_register_buffers_tags, "2.1");
STASIS_LIBURING(io_uring_register_buffers_sparse, "2.2");
STASIS_LIBURING(io_uring_register_buffers_update_tag, "2.1");
STASIS_LIBURING(io_uring_unregister_buffers, "2.0");
STASIS_LIBURING(io_uring_register_files, "2.0");
STASIS_LIBURING(io_uring_register_files_tags, "2.1");
STASIS_LIBURING(io_uring_register_files_sparse, "2.2");
STASIS_LIBURING(io_uring_register_files_update, "2.0");
STASIS_LIBURING(io_uring_register_files_update_tag, "2.1");
STASIS_LIBURING(io_uring_unregister_files, "2.0");
STASIS_LIBURING(io_uring_register_eventfd, "2.0");
STASIS_LIBURING(io_uring_register_eventfd_async, "2.0");
STASIS_LIBURING(io_uring_unregister_eventfd, "2.0");
STASIS_LIBURING(io_uring_register_iowq_aff, "2.1");
STASIS_LIBURING(io_uring_register_iowq_max_workers, "2.1");
STASIS_LIBURING(io_uring_register_buf_ring, "2.2");
STASIS_LIBURING(io_uring_setup_buf_ring, "2.4");
STASIS_LIBURING(io_uring_register_file_alloc_range, "2.3");
STASIS_LIBURING(io_uring_register_restrictions, "2.4");
STASIS_LIBURING(io_uring_enable_rings, "2.4");
STASIS_LIBURING(io_uring_setup, "2.3");
STASIS_LIBURING(io_uring_enter, "2.3");
STASIS_LIBURING(io_uring_enter2, "2.3");
STASIS_LIBURING(io_uring_register, "2.3");
#undef STASIS_LIBURING

extern "C" [[gnu::visibility("hidden")]] long stasis_ring_call(long number, long a, long b, long c, long d, long e, long f) noexcept;

// In front of a function: with liburing's name and version.
#define STASIS_STAND(result, name) extern "C" [[gnu::visibility("default"), gnu::used]] result stasis_lib##name

STASIS_STAND(int, io_uring_queue_init)(unsigned entries, LibraryRing* ring, unsigned flags) noexcept { return noted(real_function(k_io_uring_queue_init, entries, ring, flags), ring); }
STASIS_STAND(int, io_uring_queue_init_params)(unsigned entries, LibraryRing* ring, void* parameters) noexcept {
  return noted(real_function(k_io_uring_queue_init_params, entries, ring, parameters), ring);
}
STASIS_STAND(int, io_uring_queue_mmap)(int fd, void* parameters, LibraryRing* ring) noexcept { return noted(real_function(k_io_uring_queue_mmap, fd, parameters, ring), ring); }
STASIS_STAND(void, io_uring_queue_exit)(LibraryRing* ring) noexcept {
  forget_ring(ring->fd);
  real_function(k_io_uring_queue_exit, ring);
}

STASIS_STAND(int, io_uring_submit)(LibraryRing* ring) noexcept {
  look(ring);
  return real_function(k_io_uring_submit, ring);
}
STASIS_STAND(int, io_uring_submit_and_wait)(LibraryRing* ring, unsigned count) noexcept {
  look(ring);
  return real_function(k_io_uring_submit_and_wait, ring, count);
}
STASIS_STAND(int, io_uring_submit_and_wait_timeout)(LibraryRing* ring, void** result, unsigned count, void* timeout, void* mask) noexcept {
  look(ring);
  return real_function(k_io_uring_submit_and_wait_timeout, ring, result, count, timeout, mask);
}
STASIS_STAND(int, io_uring_submit_and_get_events)(LibraryRing* ring) noexcept {
  look(ring);
  return real_function(k_io_uring_submit_and_get_events, ring);
}

STASIS_STAND(int, io_uring_register_buffers)(LibraryRing* ring, const iovec* buffers, unsigned count) noexcept {
  return noted(real_function(k_io_uring_register_buffers, ring, buffers, count), ring, IORING_REGISTER_BUFFERS, buffers, count);
}
STASIS_STAND(int, io_uring_register_buffers_tags)(LibraryRing* ring, const iovec* buffers, const std::uint64_t* tags, unsigned count) noexcept {
  const io_uring_rsrc_register given{.nr = count, .flags = 0, .resv2 = 0, .data = address(buffers), .tags = address(tags)};
  return noted(real_function(k_io_uring_register_buffers_tags, ring, buffers, tags, count), ring, IORING_REGISTER_BUFFERS2, &given, sizeof given);
}
STASIS_STAND(int, io_uring_register_buffers_sparse)(LibraryRing* ring, unsigned count) noexcept {
  const io_uring_rsrc_register given{.nr = count, .flags = IORING_RSRC_REGISTER_SPARSE, .resv2 = 0, .data = 0, .tags = 0};
  return noted(real_function(k_io_uring_register_buffers_sparse, ring, count), ring, IORING_REGISTER_BUFFERS2, &given, sizeof given);
}
STASIS_STAND(int, io_uring_register_buffers_update_tag)(LibraryRing* ring, unsigned first, const iovec* buffers, const std::uint64_t* tags, unsigned count) noexcept {
  const io_uring_rsrc_update2 given{.offset = first, .resv = 0, .data = address(buffers), .tags = address(tags), .nr = count, .resv2 = 0};
  return noted(real_function(k_io_uring_register_buffers_update_tag, ring, first, buffers, tags, count), ring, IORING_REGISTER_BUFFERS_UPDATE, &given, sizeof given);
}
STASIS_STAND(int, io_uring_unregister_buffers)(LibraryRing* ring) noexcept {
  return noted(real_function(k_io_uring_unregister_buffers, ring), ring, IORING_UNREGISTER_BUFFERS, nullptr, 0);
}

STASIS_STAND(int, io_uring_register_files)(LibraryRing* ring, const int* files, unsigned count) noexcept {
  return noted(real_function(k_io_uring_register_files, ring, files, count), ring, IORING_REGISTER_FILES, files, count);
}
STASIS_STAND(int, io_uring_register_files_tags)(LibraryRing* ring, const int* files, const std::uint64_t* tags, unsigned count) noexcept {
  const io_uring_rsrc_register given{.nr = count, .flags = 0, .resv2 = 0, .data = address(files), .tags = address(tags)};
  return noted(real_function(k_io_uring_register_files_tags, ring, files, tags, count), ring, IORING_REGISTER_FILES2, &given, sizeof given);
}
STASIS_STAND(int, io_uring_register_files_sparse)(LibraryRing* ring, unsigned count) noexcept {
  const io_uring_rsrc_register given{.nr = count, .flags = IORING_RSRC_REGISTER_SPARSE, .resv2 = 0, .data = 0, .tags = 0};
  return noted(real_function(k_io_uring_register_files_sparse, ring, count), ring, IORING_REGISTER_FILES2, &given, sizeof given);
}
STASIS_STAND(int, io_uring_register_files_update)(LibraryRing* ring, unsigned first, const int* files, unsigned count) noexcept {
  const io_uring_rsrc_update given{.offset = first, .resv = 0, .data = address(files)};
  return noted(real_function(k_io_uring_register_files_update, ring, first, files, count), ring, IORING_REGISTER_FILES_UPDATE, &given, count);
}
STASIS_STAND(int, io_uring_register_files_update_tag)(LibraryRing* ring, unsigned first, const int* files, const std::uint64_t* tags, unsigned count) noexcept {
  const io_uring_rsrc_update2 given{.offset = first, .resv = 0, .data = address(files), .tags = address(tags), .nr = count, .resv2 = 0};
  return noted(real_function(k_io_uring_register_files_update_tag, ring, first, files, tags, count), ring, IORING_REGISTER_FILES_UPDATE2, &given, sizeof given);
}
STASIS_STAND(int, io_uring_unregister_files)(LibraryRing* ring) noexcept {
  return noted(real_function(k_io_uring_unregister_files, ring), ring, IORING_UNREGISTER_FILES, nullptr, 0);
}

STASIS_STAND(int, io_uring_register_eventfd)(LibraryRing* ring, int event) noexcept {
  return noted(real_function(k_io_uring_register_eventfd, ring, event), ring, IORING_REGISTER_EVENTFD, &event, 1);
}
STASIS_STAND(int, io_uring_register_eventfd_async)(LibraryRing* ring, int event) noexcept {
  return noted(real_function(k_io_uring_register_eventfd_async, ring, event), ring, IORING_REGISTER_EVENTFD_ASYNC, &event, 1);
}
STASIS_STAND(int, io_uring_unregister_eventfd)(LibraryRing* ring) noexcept {
  return noted(real_function(k_io_uring_unregister_eventfd, ring), ring, IORING_UNREGISTER_EVENTFD, nullptr, 0);
}

// What is not brought back.
STASIS_STAND(int, io_uring_register_iowq_aff)(LibraryRing* ring, std::size_t size, const void* mask) noexcept {
  return noted(real_function(k_io_uring_register_iowq_aff, ring, size, mask), ring, IORING_REGISTER_IOWQ_AFF, mask, 0);
}
STASIS_STAND(int, io_uring_register_iowq_max_workers)(LibraryRing* ring, unsigned* values) noexcept {
  return noted(real_function(k_io_uring_register_iowq_max_workers, ring, values), ring, IORING_REGISTER_IOWQ_MAX_WORKERS, values, 2);
}
STASIS_STAND(int, io_uring_register_buf_ring)(LibraryRing* ring, void* what, unsigned flags) noexcept {
  return noted(real_function(k_io_uring_register_buf_ring, ring, what, flags), ring, IORING_REGISTER_PBUF_RING, what, 1);
}
STASIS_STAND(void*, io_uring_setup_buf_ring)(LibraryRing* ring, unsigned entries, int group, unsigned flags, int* result) noexcept {
  noted(0, ring, IORING_REGISTER_PBUF_RING, nullptr, 1);
  if (functions[k_io_uring_setup_buf_ring] == nullptr) resolve();
  using Real = void* (*)(LibraryRing*, unsigned, int, unsigned, int*);
  return reinterpret_cast<Real>(functions[k_io_uring_setup_buf_ring])(ring, entries, group, flags, result);
}
STASIS_STAND(int, io_uring_register_file_alloc_range)(LibraryRing* ring, unsigned first, unsigned count) noexcept {
  return noted(real_function(k_io_uring_register_file_alloc_range, ring, first, count), ring, IORING_REGISTER_FILE_ALLOC_RANGE, nullptr, 0);
}
STASIS_STAND(int, io_uring_register_restrictions)(LibraryRing* ring, const void* what, unsigned count) noexcept {
  return noted(real_function(k_io_uring_register_restrictions, ring, what, count), ring, IORING_REGISTER_RESTRICTIONS, what, count);
}
STASIS_STAND(int, io_uring_enable_rings)(LibraryRing* ring) noexcept {
  return noted(real_function(k_io_uring_enable_rings, ring), ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

// These make one system call, and return what the kernel returns.
namespace {
int kernels_result(long result) noexcept { return static_cast<int>(result < 0 ? -errno : result); }
}  // namespace
STASIS_STAND(int, io_uring_setup)(unsigned entries, void* parameters) noexcept {
  return kernels_result(stasis_ring_call(SYS_io_uring_setup, entries, reinterpret_cast<long>(parameters), 0, 0, 0, 0));
}
STASIS_STAND(int, io_uring_enter2)(unsigned fd, unsigned count, unsigned least, unsigned flags, void* mask, std::size_t size) noexcept {
  return kernels_result(stasis_ring_call(SYS_io_uring_enter, fd, count, least, flags, reinterpret_cast<long>(mask), static_cast<long>(size)));
}
STASIS_STAND(int, io_uring_enter)(unsigned fd, unsigned count, unsigned least, unsigned flags, void* mask) noexcept {
  return kernels_result(stasis_ring_call(SYS_io_uring_enter, fd, count, least, flags, reinterpret_cast<long>(mask), 8));
}
STASIS_STAND(int, io_uring_register)(unsigned fd, unsigned what, const void* argument, unsigned count) noexcept {
  return kernels_result(stasis_ring_call(SYS_io_uring_register, fd, what, reinterpret_cast<long>(argument), count, 0, 0));
}
