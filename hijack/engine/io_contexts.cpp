// Contexts of asynchronous I/O, see io_contexts.hpp. A table without locks.
//
// The kernel keeps its own copy of the tail. A new ring's is brought to where the old one's was by as many requests that do nothing; those that the program has
// received are received, and the others' results are written over with the old ones.
// World: hijack.
#include "hijack/engine/io_contexts.hpp"

#include <linux/aio_abi.h>
#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "core/image/format.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

extern "C" [[gnu::visibility("hidden")]] const char stasis_submit_inside[], stasis_submit_taken[], stasis_submit_noted[];
// Threads between the first and the last of these places.
extern "C" {
[[gnu::visibility("hidden")]] constinit std::atomic<std::uint32_t> stasis_submitting = 0;
}

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kMost = 256;
constexpr std::uint64_t kWaitNs = 2'000'000'000;  // a disk that takes longer for what it has begun is refused like one that never ends

struct Note {
  std::atomic<std::uint64_t> id;  // 0: free
  std::atomic<std::uint64_t> submitted;
};
constinit Note notes[kMost] = {};
constinit std::atomic<std::uint64_t> of_nobody = 0;  // the counter of contexts that are not known

// What the kernel has at the start of a ring, and what libaio knows, too (struct aio_ring of fs/aio.c).
struct Ring {
  std::uint32_t index, count, head, tail, magic, compatible, incompatible, header_length;
  const io_event* events() const noexcept { return reinterpret_cast<const io_event*>(this + 1); }
  io_event* events() noexcept { return reinterpret_cast<io_event*>(this + 1); }
};
static_assert(sizeof(Ring) == sizeof(io_event));
constexpr std::uint32_t kMagic = 0xa10a10a1;

struct Place {
  std::uint64_t start, length;
  std::uint32_t flags;  // image::MappingFlag
};
constinit Place places[kMost] = {};
constinit std::uint32_t place_count = 0;

Note* find_note(std::uint64_t id) noexcept {
  for (Note& note : notes)
    if (note.id.load() == id) return &note;
  return nullptr;
}

Error unsupported(std::uint64_t id, std::string_view why) noexcept {
  return error(ErrorCode::unsupported, FixedString<320>("a context of asynchronous I/O (io_setup) at 0x").append_number(id, 16).append(" ").append(why));
}

// What threads have submitted that were stopped before it was noted, which they will do when they go on. A signal handler of the program's hides where its thread was.
Result<std::uint64_t> unnoted(const Note& note, std::uint64_t id) noexcept {
  std::uint64_t count = 0;
  std::uint32_t seen = 0;
  for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i) {
    const ThreadState& thread = saved.kept->threads[i];
    if (thread.phase.load() != ThreadPhase::parked) continue;
    const greg_t* registers = thread.context->uc_mcontext.gregs;
    const auto* at = reinterpret_cast<const char*>(registers[REG_RIP]);
    if (at < stasis_submit_inside || at > stasis_submit_noted) continue;
    ++seen;
    const bool is_unnoted = at >= stasis_submit_taken && at < stasis_submit_noted && registers[REG_RAX] > 0;
    if (is_unnoted && registers[REG_R8] == reinterpret_cast<greg_t>(&note.submitted)) count += static_cast<std::uint64_t>(registers[REG_RAX]);
  }
  if (seen != stasis_submitting.load()) return unsupported(id, "to which a thread is just submitting (io_submit); a moment later may work");
  return count;
}

// The kernel may be writing it.
std::uint32_t tail_of(const Ring& ring) noexcept { return __atomic_load_n(&ring.tail, __ATOMIC_ACQUIRE); }

Status rest(const Mapping& mapping) noexcept {
  const image::MappingRecord& record = mapping.record;
  const std::uint64_t id = record.start;
  if (sys::call(SYS_io_getevents, id, 0, 0, nullptr, nullptr) != 0) return unsupported(id, "that is another process's or is mapped in part");
  const Note* note = find_note(id);
  if (note == nullptr) return unsupported(id, "that was not made through libaio or the C library's syscall()");
  constexpr std::uint32_t kReadWrite = PROT_READ | PROT_WRITE;
  if (record.offset != 0 || (record.protection & kReadWrite) != kReadWrite) return unsupported(id, "whose ring was changed");
  const Ring& ring = *reinterpret_cast<const Ring*>(id);
  const std::uint64_t count = (record.end - record.start - sizeof(Ring)) / sizeof(io_event);
  if (ring.magic != kMagic || ring.header_length != sizeof(Ring) || ring.count != count || ring.head >= count || tail_of(ring) >= count)
    return unsupported(id, "whose ring was changed");
  STASIS_TRY_VALUE(const std::uint64_t more, unnoted(*note, id));
  const std::uint64_t deadline = clock_ns(CLOCK_MONOTONIC) + kWaitNs;
  while ((note->submitted.load() + more) % count != tail_of(ring)) {
    if (clock_ns(CLOCK_MONOTONIC) > deadline) return unsupported(id, "with requests that do not complete (io_submit)");
    const timespec moment{0, 1'000'000};
    sys::call(SYS_nanosleep, &moment, nullptr);
  }
  if (place_count == kMost) return unsupported(id, "as there are more than 256 others");
  places[place_count++] = {record.start, record.end - record.start, record.flags};
  return {};
}

// The kernel lends slots to processors, a share to each that asks: one alone has use of all.
class OneProcessor {
 public:
  OneProcessor() noexcept {
    bytes_ = sys::call(SYS_sched_getaffinity, 0, sizeof before_, before_);
    unsigned own = 0;
    if (bytes_ <= 0 || sys::call(SYS_getcpu, &own, nullptr, nullptr) < 0 || own >= sizeof before_ * 8) return;
    std::uint64_t only[kWords] = {};
    only[own / 64] = std::uint64_t{1} << own % 64;
    sys::call(SYS_sched_setaffinity, 0, bytes_, only);
  }
  OneProcessor(const OneProcessor&) = delete;
  ~OneProcessor() {
    if (bytes_ > 0) sys::call(SYS_sched_setaffinity, 0, bytes_, before_);
  }

 private:
  static constexpr unsigned kWords = 128;
  std::uint64_t before_[kWords] = {};
  long bytes_ = 0;
};

constexpr std::uint32_t kBatch = 32;

// `count` requests that are complete when this returns.
Status complete(std::uint64_t id, std::uint32_t count, int sink, bool receive) noexcept {
  iocb request{};
  request.aio_lio_opcode = IOCB_CMD_PWRITE;  // of no bytes
  request.aio_fildes = static_cast<std::uint32_t>(sink);
  iocb* all[kBatch];
  for (iocb*& one : all) one = &request;
  while (count != 0) {
    const long done = sys::call(SYS_io_submit, id, count < kBatch ? count : kBatch, all);
    if (done <= 0) return system_error("submit asynchronous I/O", done);
    count -= static_cast<std::uint32_t>(done);
    io_event results[kBatch];
    if (!receive) continue;
    if (const long got = sys::call(SYS_io_getevents, id, done, done, results, nullptr); got != done) return system_error("receive asynchronous I/O", got);
  }
  return {};
}

// A ring of `pages` pages, the cheapest in what the machine counts (/proc/sys/fs/aio-nr).
std::uint32_t requests_for(std::uint64_t pages) noexcept { return pages == 1 ? 1 : static_cast<std::uint32_t>(64 * (pages - 1) - 1); }

Status take(const Place& place, int sink) noexcept {
  auto& old = *reinterpret_cast<Ring*>(place.start);
  std::uint64_t id = 0;
  if (const long result = sys::call(SYS_io_setup, requests_for(place.length / image::kPage), &id); result < 0)
    return system_error("make a context of asynchronous I/O", result);
  auto& ring = *reinterpret_cast<Ring*>(id);
  if (ring.count != old.count) return error(ErrorCode::restore_failed, "a context of asynchronous I/O has another size on a machine with more processors");
  STASIS_TRY(complete(id, old.head, sink, true));
  STASIS_TRY(complete(id, (old.tail + old.count - old.head) % old.count, sink, false));
  if (ring.head != old.head || tail_of(ring) != old.tail) return error(ErrorCode::restore_failed, "a context of asynchronous I/O did not come to where it was");
  std::memcpy(ring.events(), old.events(), old.count * sizeof(io_event));
  const long moved = sys::call(SYS_mremap, id, place.length, place.length, MREMAP_MAYMOVE | MREMAP_FIXED, place.start);
  if (sys::failed(moved)) return system_error("move a context of asynchronous I/O", moved);
  if ((place.flags & image::kDontFork) != 0) sys::call(SYS_madvise, place.start, place.length, MADV_DONTFORK);
  if ((place.flags & image::kDontDump) != 0) sys::call(SYS_madvise, place.start, place.length, MADV_DONTDUMP);
  if ((place.flags & image::kLocked) != 0) sys::call(SYS_mlock, place.start, place.length);
  return {};
}

}  // namespace

void note_context(std::uint64_t id) noexcept {
  forget_context(id);  // if it was destroyed behind our back
  for (Note& note : notes) {
    std::uint64_t seen = 0;
    if (!note.id.compare_exchange_strong(seen, id)) continue;
    note.submitted.store(0);
    return;
  }
}

std::atomic<std::uint64_t>& counter_of(std::uint64_t id) noexcept {
  Note* note = id == 0 ? nullptr : find_note(id);
  return note == nullptr ? of_nobody : note->submitted;
}

void forget_context(std::uint64_t id) noexcept {
  if (Note* note = find_note(id); note != nullptr) note->id.store(0);
}

void forget_contexts() noexcept {
  for (Note& note : notes) note.id.store(0);
  stasis_submitting.store(0);
}

Status rest_contexts(const MemoryMap& map) noexcept {
  place_count = 0;
  for (const Mapping& mapping : map.mappings)
    if (mapping.ring) STASIS_TRY(rest(mapping));
  return {};
}

Status take_contexts(int sink) noexcept {
  if (place_count == 0) return {};
  const OneProcessor here;
  for (std::uint32_t i = 0; i != place_count; ++i) STASIS_TRY(take(places[i], sink));
  return {};
}

}  // namespace stasis::hijack
