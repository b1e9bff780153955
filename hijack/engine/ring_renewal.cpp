// Making rings anew, see rings.hpp.
//
// The kernel takes some ten million requests that do nothing in a second; each moves the counter of requests, and that of results unless it is to give none.
// World: hijack, a restored process before the program runs.
#include <linux/time_types.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <cstring>

#include "core/image/format.hpp"
#include "core/image/records.hpp"
#include "hijack/engine/lifted_limit.hpp"
#include "hijack/engine/rings.hpp"
#include "hijack/engine/saved_rings.hpp"
#include "hijack/engine/sole_place.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kHasWork = 4;  // IORING_SQ_TASKRUN

struct Parameters {
  std::uint32_t requests, results, flags, cpu, idle, features, attached, reserved[3];
  io_sqring_offsets request_offsets;  // ends in user_addr, as does the next (Linux 6.5)
  io_cqring_offsets result_offsets;
};
static_assert(sizeof(Parameters) == sizeof(io_uring_params));

Error failed(const SavedRing& ring, std::string_view what) noexcept {
  return error(ErrorCode::restore_failed, FixedString<320>("the io_uring of descriptor ").append_signed(saved_rings.numbers[ring.first_number].fd).append(" ").append(what));
}

bool has_flag(const SavedRing& ring, std::uint32_t flag) noexcept { return (ring.note->shape.flags & flag) != 0; }
RingMapping* mappings_of(const SavedRing& ring) noexcept { return saved_rings.mappings + ring.first_mapping; }
int number_of(const SavedRing& ring) noexcept { return saved_rings.numbers[ring.first_number].fd; }

// Memory of a moment; null if there is none.
template <class Entry>
class Memory {
 public:
  explicit Memory(std::uint64_t count) noexcept : size_(count * sizeof(Entry)), place_(map_unlocked(size_)) {}
  Memory(const Memory&) = delete;
  ~Memory() {
    if (get() != nullptr) sys::call(SYS_munmap, place_, size_);
  }
  Entry* get() const noexcept { return sys::failed(place_) ? nullptr : reinterpret_cast<Entry*>(place_); }

 private:
  std::uint64_t size_;
  long place_;
};

const char* copy_of(const char* from, std::uint64_t size) noexcept {
  const long place = map_unlocked(size);
  if (sys::failed(place)) return nullptr;
  std::memcpy(reinterpret_cast<char*>(place), from, size);
  return reinterpret_cast<const char*>(place);
}

Status set_up(SavedRing& ring) noexcept {
  const RingShape& shape = ring.note->shape;
  Parameters given{};
  given.flags = (shape.flags & ~(IORING_SETUP_ATTACH_WQ | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED)) | IORING_SETUP_CQSIZE;  // threads that work for two rings need not be the same
  if (ring.owner != 0 || ring.note->is_disabled) given.flags |= IORING_SETUP_R_DISABLED;  // who enables it owns it
  given.results = shape.results;
  if (has_flag(ring, kSetupNoMmap)) {
    const char *results = ring.note->results.load(), *entries = ring.note->entries.load();
    ring.old_results = copy_of(results, results_size(shape)), ring.old_entries = copy_of(entries, entries_size(shape));
    if (ring.old_results == nullptr || ring.old_entries == nullptr) return failed(ring, "needs more memory than there is");
    std::memcpy(reinterpret_cast<char*>(&given.result_offsets + 1) - 8, &results, 8);
    std::memcpy(reinterpret_cast<char*>(&given.request_offsets + 1) - 8, &entries, 8);
  }
  const OwnedFd made(sys::call(SYS_io_uring_setup, shape.requests, &given));
  if (!made.ok()) return system_error("make an io_uring", made.get());
  const io_sqring_offsets& requests = given.request_offsets;
  const io_cqring_offsets& results = given.result_offsets;
  const bool fits = given.requests == shape.requests && given.results == shape.results && requests.head == shape.head && requests.tail == shape.tail && requests.flags == shape.state &&
                    requests.dropped == shape.dropped && (has_flag(ring, kSetupNoArray) || requests.array == shape.array) && results.head == shape.result_head &&
                    results.tail == shape.result_tail && results.overflow == shape.lost && results.cqes == shape.events;
  if (!fits) return failed(ring, "is laid out otherwise by this kernel");
  struct stat status{};
  sys::call(SYS_fstat, made.get(), &status);
  ring.note->inode = status.st_ino;
  sys::call(SYS_fcntl, made.get(), F_SETFL, ring.status_flags & (O_NONBLOCK | O_ASYNC));
  for (std::uint32_t i = 0; i != ring.number_count; ++i) {
    const RingNumber& number = saved_rings.numbers[ring.first_number + i];
    if (const long result = sys::call(SYS_dup3, made.get(), number.fd, number.close_on_exec ? O_CLOEXEC : 0); result < 0) return system_error("place an io_uring", result);
  }
  return {};
}

// First what the restart has put there is moved away, all of it: then no place of one is taken when another is mapped.
Status clear_places(const SavedRing& ring) noexcept {
  for (RingMapping* one = mappings_of(ring); one != mappings_of(ring) + ring.mapping_count; ++one) {
    const long old = map_unlocked(one->length);
    if (sys::failed(old)) return failed(ring, "needs more memory than there is");
    const long moved = sys::call(SYS_mremap, one->start, one->length, one->length, MREMAP_MAYMOVE | MREMAP_FIXED, old);
    if (sys::failed(moved)) return system_error("move an io_uring's memory", moved);
    sys::call(SYS_mprotect, old, one->length, PROT_READ);
    one->old = reinterpret_cast<const char*>(old);
  }
  return {};
}

Status map_places(const SavedRing& ring) noexcept {
  for (const RingMapping* one = mappings_of(ring); one != mappings_of(ring) + ring.mapping_count; ++one) {
    const long place = map_at_sole_place(one->start, one->length, static_cast<int>(one->protection), number_of(ring), one->offset);
    if (sys::failed(place)) return system_error("map an io_uring where it was", place);
    if ((one->flags & image::kDontFork) != 0) sys::call(SYS_madvise, one->start, one->length, MADV_DONTFORK);
    if ((one->flags & image::kDontDump) != 0) sys::call(SYS_madvise, one->start, one->length, MADV_DONTDUMP);
    if ((one->flags & image::kLocked) != 0) sys::call(SYS_mlock, one->start, one->length);
  }
  return {};
}

// The ring's memory in a mapping of a moment, for the program's may be for reading only, or in part.
class Access {
 public:
  explicit Access(const SavedRing& ring) noexcept : ring_(ring), owns_(!has_flag(ring, kSetupNoMmap)) {
    if (!owns_) {
      results_ = const_cast<char*>(ring.note->results.load()), entries_ = const_cast<char*>(ring.note->entries.load());
      return;
    }
    results_ = map(results_size(ring.note->shape), IORING_OFF_SQ_RING), entries_ = map(entries_size(ring.note->shape), IORING_OFF_SQES);
  }
  Access(const Access&) = delete;
  ~Access() {
    if (!owns_) return;
    if (results_ != nullptr) sys::call(SYS_munmap, results_, results_size(ring_.note->shape));
    if (entries_ != nullptr) sys::call(SYS_munmap, entries_, entries_size(ring_.note->shape));
  }
  bool ok() const noexcept { return results_ != nullptr && entries_ != nullptr; }
  char* results() const noexcept { return results_; }
  char* entries() const noexcept { return entries_; }
  std::uint32_t& word(std::uint32_t offset) const noexcept { return *reinterpret_cast<std::uint32_t*>(results_ + offset); }

 private:
  char* map(std::uint64_t size, std::uint64_t offset) const noexcept {
    const long place = sys::call(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, number_of(ring_), offset);
    return sys::failed(place) ? nullptr : reinterpret_cast<char*>(place);
  }

  const SavedRing& ring_;
  bool owns_;
  char *results_ = nullptr, *entries_ = nullptr;
};

// `count` requests that do nothing, and give results or not.
Status pass(const SavedRing& ring, const Access& access, std::uint32_t count, bool give) noexcept {
  const RingShape& shape = ring.note->shape;
  const std::uint32_t shift = has_flag(ring, IORING_SETUP_SQE128) ? 7 : 6;
  std::memset(access.entries(), 0, static_cast<std::uint64_t>(shape.requests) << shift);  // IORING_OP_NOP
  for (std::uint32_t i = 0; i != shape.requests; ++i) {
    if (!give) reinterpret_cast<io_uring_sqe*>(access.entries() + (static_cast<std::uint64_t>(i) << shift))->flags = IOSQE_CQE_SKIP_SUCCESS;
    if (!has_flag(ring, kSetupNoArray)) reinterpret_cast<std::uint32_t*>(access.results() + shape.array)[i] = i;
  }
  std::uint32_t& tail = access.word(shape.tail);
  while (count != 0) {
    const std::uint32_t batch = count < shape.requests ? count : shape.requests;
    __atomic_store_n(&tail, tail + batch, __ATOMIC_RELEASE);
    const long done = sys::call(SYS_io_uring_enter, number_of(ring), batch, 0, 0, nullptr, 0);
    if (done != static_cast<long>(batch)) return system_error("bring an io_uring to where it was", done);
    __atomic_store_n(&access.word(shape.result_head), __atomic_load_n(&access.word(shape.result_tail), __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
    count -= batch;
  }
  return {};
}

void write_back(const SavedRing& ring, const Access& access) noexcept {
  const RingShape& shape = ring.note->shape;
  const auto put = [](char* to, const char* from, std::uint64_t size, std::uint64_t most) { std::memcpy(to, from, size < most ? size : most); };
  if (ring.old_results != nullptr) put(access.results(), ring.old_results, results_size(shape), results_size(shape));
  if (ring.old_entries != nullptr) put(access.entries(), ring.old_entries, entries_size(shape), entries_size(shape));
  for (const RingMapping* one = mappings_of(ring); one != mappings_of(ring) + ring.mapping_count; ++one) {
    const bool are_entries = one->offset == IORING_OFF_SQES;
    put(are_entries ? access.entries() : access.results(), one->old, one->length, are_entries ? entries_size(shape) : results_size(shape));
  }
  access.word(shape.state) &= ~kHasWork;
  access.word(shape.head) = ring.taken - ring.under_way, access.word(shape.result_tail) = ring.given;
}

void forget_old(SavedRing& ring) noexcept {
  for (RingMapping* one = mappings_of(ring); one != mappings_of(ring) + ring.mapping_count; ++one) sys::call(SYS_munmap, one->old, one->length);
  if (ring.old_results != nullptr) sys::call(SYS_munmap, ring.old_results, results_size(ring.note->shape));
  if (ring.old_entries != nullptr) sys::call(SYS_munmap, ring.old_entries, entries_size(ring.note->shape));
  ring.old_results = ring.old_entries = nullptr;
}

long ask(const SavedRing& ring, unsigned what, const void* argument, std::uint64_t count) noexcept { return sys::call(SYS_io_uring_register, number_of(ring), what, argument, count); }

Status register_files(const SavedRing& ring) noexcept {
  RingSlots& slots = ring.note->files;
  if (slots.count == 0) return {};
  const Memory<std::int32_t> files(slots.count);
  if (files.get() == nullptr) return failed(ring, "needs more memory than there is");
  for (std::uint32_t i = 0; i != slots.count; ++i) {
    RingSlot& slot = slots.slots[i];
    files.get()[i] = static_cast<std::int32_t>(slot.what);
    struct stat status{};
    if (slot.what < 0 || sys::call(SYS_fstat, slot.what, &status) < 0) continue;
    slot.size_or_inode = status.st_ino, slot.device = status.st_dev;
  }
  const LiftedLimit descriptors(RLIMIT_NOFILE);  // the kernel registers no more
  const long result = ask(ring, IORING_REGISTER_FILES, files.get(), slots.count);
  return result < 0 ? Status(system_error("register files with an io_uring", result)) : Status();
}

Status register_buffers(const SavedRing& ring) noexcept {
  const RingSlots& slots = ring.note->buffers;
  if (slots.count == 0) return {};
  const Memory<iovec> buffers(slots.count);
  if (buffers.get() == nullptr) return failed(ring, "needs more memory than there is");
  for (std::uint32_t i = 0; i != slots.count; ++i)
    if (slots.slots[i].what != -1) buffers.get()[i] = {reinterpret_cast<void*>(slots.slots[i].what), slots.slots[i].size_or_inode};
  const LiftedLimit locked(RLIMIT_MEMLOCK);
  const long result = ask(ring, IORING_REGISTER_BUFFERS, buffers.get(), slots.count);
  return result < 0 ? Status(system_error("register buffers with an io_uring", result)) : Status();
}

Status register_event(const SavedRing& ring) noexcept {
  const RingNote& note = *ring.note;
  if (note.event < 0) return {};
  const long result = ask(ring, note.event_async ? IORING_REGISTER_EVENTFD_ASYNC : IORING_REGISTER_EVENTFD, &note.event, 1);
  return result < 0 ? Status(system_error("register an eventfd with an io_uring", result)) : Status();
}

Status fill(SavedRing& ring) noexcept {
  const RingNote& note = *ring.note;
  ring.busy.store(0);
  if (ring.owner != 0)
    if (const long result = ask(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0); result < 0) return system_error("enable an io_uring", result);
  {
    const Access access(ring);
    if (!access.ok()) return failed(ring, "cannot be mapped");
    const std::uint32_t silent = ring.taken - ring.given - ring.under_way;
    STASIS_TRY(pass(ring, access, silent, false));
    STASIS_TRY(pass(ring, access, ring.given, true));
    if (access.word(note.shape.head) != ring.taken - ring.under_way || access.word(note.shape.result_tail) != ring.given) return failed(ring, "did not come to where it was");
    write_back(ring, access);
  }
  forget_old(ring);
  STASIS_TRY(register_files(ring));
  STASIS_TRY(register_buffers(ring));
  return register_event(ring);
}

// Gives one request in the place where the kernel looks next, which the program may have filled already.
Status give(const SavedRing& ring, const io_uring_sqe& request) noexcept {
  const Access access(ring);
  if (!access.ok()) return failed(ring, "cannot be mapped");
  const RingShape& shape = ring.note->shape;
  const std::uint32_t slot = access.word(shape.head) & (shape.requests - 1), size = has_flag(ring, IORING_SETUP_SQE128) ? 128 : 64;
  const bool in_order = has_flag(ring, kSetupNoArray);
  char* const entry = access.entries() + static_cast<std::uint64_t>(slot) * size;
  std::uint32_t* const index = reinterpret_cast<std::uint32_t*>(access.results() + shape.array) + (in_order ? 0 : slot);
  char before[128];
  const std::uint32_t index_before = *index, tail_before = access.word(shape.tail);
  std::memcpy(before, entry, size);
  std::memset(entry, 0, size);
  std::memcpy(entry, &request, sizeof request);
  if (!in_order) *index = slot;
  __atomic_store_n(&access.word(shape.tail), access.word(shape.head) + 1, __ATOMIC_RELEASE);
  const long done = sys::call(SYS_io_uring_enter, number_of(ring), 1, 0, 0, nullptr, 0);
  access.word(shape.tail) = tail_before;
  std::memcpy(entry, before, size);
  if (!in_order) *index = index_before;
  return done == 1 ? Status() : Status(system_error("give a request to an io_uring again", done));
}

Status give_again(SavedRing& ring, const SavedRequest& saved_request) noexcept {
  RingRequest& one = *saved_request.request;
  io_uring_sqe request = one.request;
  __kernel_timespec time{};
  if (request.opcode == IORING_OP_TIMEOUT) {
    const bool is_relative = (request.timeout_flags & IORING_TIMEOUT_ABS) == 0;
    if (is_relative) one.time_ns = static_cast<std::int64_t>(clock_ns(CLOCK_MONOTONIC)) + saved_request.left_ns;
    const std::int64_t given = is_relative ? saved_request.left_ns : one.time_ns;
    time = {given / 1'000'000'000, given % 1'000'000'000};
    request.addr = reinterpret_cast<std::uintptr_t>(&time);
  }
  struct stat status{};
  if (one.inode != 0 && sys::call(SYS_fstat, request.fd, &status) == 0) one.inode = status.st_ino, one.device = status.st_dev;
  const timespec moment{0, 100'000};
  while (ring.busy.exchange(1) != 0) sys::call(SYS_nanosleep, &moment, nullptr);
  const Status result = give(ring, request);
  ring.busy.store(0);
  return result;
}

// The restart has filled the set but for this.
Status add_to_set(const RingEntry& entry) noexcept {
  epoll_event event{};
  event.events = entry.events, event.data.u64 = entry.data;
  const long result = sys::call(SYS_epoll_ctl, entry.set, EPOLL_CTL_ADD, entry.fd, &event);
  return result == 0 || result == -EEXIST ? Status() : Status(system_error("add an io_uring to an epoll set", result));
}

}  // namespace

Status make_rings() noexcept {
  const LiftedLimit descriptors(RLIMIT_NOFILE);
  for (std::uint32_t i = 0; i != saved_rings.count; ++i) STASIS_TRY(set_up(saved_rings.rings[i]));
  for (std::uint32_t i = 0; i != saved_rings.entry_count; ++i) STASIS_TRY(add_to_set(saved_rings.entries[i]));
  for (std::uint32_t i = 0; i != saved_rings.count; ++i) STASIS_TRY(clear_places(saved_rings.rings[i]));
  for (std::uint32_t i = 0; i != saved_rings.count; ++i) STASIS_TRY(map_places(saved_rings.rings[i]));
  return {};
}

Status fill_rings(std::int32_t id) noexcept {
  for (std::uint32_t i = 0; i != saved_rings.count; ++i)
    if (saved_rings.rings[i].owner == id) STASIS_TRY(fill(saved_rings.rings[i]));
  return {};
}

Status give_requests(std::uint64_t thread) noexcept {
  for (std::uint32_t i = 0; i != saved_rings.request_count; ++i) {
    const SavedRequest& one = saved_rings.requests[i];
    if (one.request->thread == thread) STASIS_TRY(give_again(saved_rings.rings[one.ring], one));
  }
  return {};
}

}  // namespace stasis::hijack
