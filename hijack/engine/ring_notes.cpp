// Notes of rings, see ring_notes.hpp. A table without locks.
//
// Looking goes up to what the program has written, not to how much it submits: what a second thread adds at the same time has been looked at by that one.
// World: hijack.
#include "hijack/engine/ring_notes.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "hijack/engine/ring_requests.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"

// The library's code (end(3)).
extern "C" [[gnu::visibility("hidden")]] const char __ehdr_start[], _etext[];

namespace stasis::hijack {
namespace {

constinit RingNote notes[kMostRings] = {};
constinit std::atomic<std::uint32_t> used = 0;  // notes beyond were never taken

RingNote* find_number(int fd) noexcept {
  const std::uint32_t wanted = static_cast<std::uint32_t>(fd) + 1, count = used.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i != count; ++i)
    if (notes[i].number.load(std::memory_order_acquire) == wanted) return &notes[i];
  return nullptr;
}

void add_reason(RingNote& note, std::uint32_t reason) noexcept {
  if ((note.reasons.load(std::memory_order_relaxed) & reason) != reason) note.reasons.fetch_or(reason);
}

void refuse_other(RingNote& note, std::uint32_t what) noexcept {
  note.other = what;
  add_reason(note, kOther);
}

std::uint32_t load(const char* place) noexcept { return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(place), __ATOMIC_ACQUIRE); }

// Operations of later kernels than Debian 12's headers know.
constexpr unsigned kSendMessageZeroCopy = 48, kReadMultishot = 49, kPipe = 62;
constexpr unsigned kLastKnown = kPipe;

// struct io_uring_sqe, whose members have many names.
std::uint32_t reasons_of(const io_uring_sqe& request) noexcept {
  constexpr std::uint32_t kOnce = 0;
  if ((request.flags & IOSQE_CQE_SKIP_SUCCESS) != 0) return kUncounted;
  switch (request.opcode) {
    case IORING_OP_POLL_ADD: case IORING_OP_POLL_REMOVE: return (request.len & 1 /* IORING_POLL_ADD_MULTI */) != 0 ? kUncounted : kOnce;
    case IORING_OP_TIMEOUT: return (request.timeout_flags & 1u << 6 /* IORING_TIMEOUT_MULTISHOT */) != 0 ? kUncounted : kOnce;
    case IORING_OP_ACCEPT: return ((request.ioprio & 1 /* IORING_ACCEPT_MULTISHOT */) != 0 ? kUncounted : kOnce) | (request.file_index != 0 ? kSlotsByRequest : kOnce);
    case IORING_OP_SEND: case IORING_OP_SENDMSG: case IORING_OP_RECV: case IORING_OP_RECVMSG:
      return (request.ioprio & (2 | 16) /* IORING_RECV_MULTISHOT, IORING_RECVSEND_BUNDLE */) != 0 ? kUncounted : kOnce;
    case IORING_OP_OPENAT: case IORING_OP_OPENAT2: case IORING_OP_CLOSE: case IORING_OP_SOCKET: case kPipe: return request.file_index != 0 ? kSlotsByRequest : kOnce;
    case IORING_OP_FILES_UPDATE: return kSlotsByRequest;
    case IORING_OP_PROVIDE_BUFFERS: case IORING_OP_REMOVE_BUFFERS: return kProvidedBuffers;
    case IORING_OP_SEND_ZC: case kSendMessageZeroCopy: case kReadMultishot: case IORING_OP_URING_CMD: return kUncounted;
    default: return request.opcode > kLastKnown || request.opcode == 58 /* IORING_OP_RECV_ZC */ ? kUncounted : kOnce;
  }
}

void look(RingNote& note, const std::uint32_t* tail) noexcept {
  const char* const requests = note.requests.load(std::memory_order_relaxed);
  const char* const entries = note.entries.load(std::memory_order_relaxed);
  if (requests == nullptr || entries == nullptr) return;  // the kernel's count will tell
  const RingShape& shape = note.shape;
  const char* const results = note.results.load(std::memory_order_relaxed);
  const std::uint32_t given = results == nullptr ? 0 : load(results + shape.result_tail);  // before what has been taken, so that there is a request for each
  const std::uint32_t seen_before = note.seen.load(std::memory_order_relaxed);
  const std::uint32_t first = load(requests + shape.head), last = tail != nullptr ? *tail : load(requests + shape.tail);
  if (static_cast<std::int32_t>(first - seen_before) > 0) add_reason(note, kUnseen);
  if (last - first > shape.requests) return add_reason(note, kUnseen);
  const bool in_order = tail != nullptr || (shape.flags & kSetupNoArray) != 0;
  const auto* array = reinterpret_cast<const std::uint32_t*>(requests + shape.array);
  const std::uint32_t mask = shape.requests - 1, shift = (shape.flags & IORING_SETUP_SQE128) != 0 ? 7 : 6;
  std::uint32_t reasons = 0;
  Following following(note);
  following.catch_up(first, given, first == seen_before);
  for (std::uint32_t i = first; i != last; ++i) {
    const std::uint32_t index = in_order ? i & mask : array[i & mask];
    if (index > mask) {  // the kernel drops it
      following.lose();
      continue;
    }
    const auto& request = *reinterpret_cast<const io_uring_sqe*>(entries + (static_cast<std::uint64_t>(index) << shift));
    reasons |= reasons_of(request);
    following.copy(i, request);
    if (request.opcode == IORING_OP_MSG_RING) doubt_rings(kUncounted);
  }
  if (reasons != 0) add_reason(note, reasons);
  std::uint32_t seen = note.seen.load(std::memory_order_relaxed);
  while (static_cast<std::int32_t>(last - seen) > 0 && !note.seen.compare_exchange_weak(seen, last)) {
  }
}

RingSlot file_slot(int fd) noexcept {
  struct stat status{};
  if (fd < 0 || sys::call(SYS_fstat, fd, &status) < 0) return {-1, 0, 0};
  return {fd, status.st_ino, status.st_dev};
}

RingSlot buffer_slot(const iovec& buffer) noexcept {
  if (buffer.iov_base == nullptr) return {-1, 0, 0};
  return {static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(buffer.iov_base)), buffer.iov_len, 0};
}

void drop(RingSlots& slots) noexcept {
  if (slots.slots != nullptr) sys::call(SYS_munmap, slots.slots, slots.count * sizeof(RingSlot));
  slots = {};
}

// All of them, each as `slot(i)` says.
template <class Slot>
void fill(RingNote& note, RingSlots& slots, std::uint32_t what, std::uint32_t count, Slot&& slot) noexcept {
  drop(slots);
  const long place = map_unlocked(count * sizeof(RingSlot));
  if (sys::failed(place)) return refuse_other(note, what);
  slots = {reinterpret_cast<RingSlot*>(place), count};
  for (std::uint32_t i = 0; i != count; ++i) slots.slots[i] = slot(i);
}

template <class Slot>
void change(RingNote& note, RingSlots& slots, std::uint32_t what, std::uint32_t first, std::uint32_t count, Slot&& slot) noexcept {
  if (first > slots.count || count > slots.count - first) return refuse_other(note, what);
  for (std::uint32_t i = 0; i != count; ++i) slots.slots[first + i] = slot(i);
}

// struct io_uring_rsrc_register of linux/io_uring.h: the header of Debian 12 has it.
void note_resources(RingNote& note, RingSlots& slots, std::uint32_t what, const io_uring_rsrc_register& given, bool are_files) noexcept {
  const auto* tags = reinterpret_cast<const std::uint64_t*>(given.tags);
  const bool sparse = (given.flags & 1 /* IORING_RSRC_REGISTER_SPARSE */) != 0;
  for (std::uint32_t i = 0; tags != nullptr && !sparse && i != given.nr; ++i)
    if (tags[i] != 0) add_reason(note, kTags);
  if (sparse) return fill(note, slots, what, given.nr, [](std::uint32_t) { return RingSlot{-1, 0, 0}; });
  if (are_files) return fill(note, slots, what, given.nr, [&](std::uint32_t i) { return file_slot(reinterpret_cast<const std::int32_t*>(given.data)[i]); });
  fill(note, slots, what, given.nr, [&](std::uint32_t i) { return buffer_slot(reinterpret_cast<const iovec*>(given.data)[i]); });
}

void note_update(RingNote& note, std::uint32_t what, const io_uring_rsrc_update2& given, std::uint32_t count, bool are_files) noexcept {
  const auto* files = reinterpret_cast<const std::int32_t*>(given.data);
  const auto* buffers = reinterpret_cast<const iovec*>(given.data);
  if (!are_files) return change(note, note.buffers, what, given.offset, count, [&](std::uint32_t i) { return buffer_slot(buffers[i]); });
  constexpr std::int32_t kSkip = -2;  // IORING_REGISTER_FILES_SKIP
  change(note, note.files, what, given.offset, count, [&](std::uint32_t i) { return files[i] == kSkip ? note.files.slots[given.offset + i] : file_slot(files[i]); });
}

void note_updates(RingNote& note, std::uint32_t what, const io_uring_rsrc_update2& given, std::uint32_t done, bool are_files) noexcept {
  const auto* tags = reinterpret_cast<const std::uint64_t*>(given.tags);
  for (std::uint32_t i = 0; tags != nullptr && i != given.nr; ++i)
    if (tags[i] != 0) add_reason(note, kTags);
  note_update(note, what, given, done, are_files);
}

}  // namespace

void note_ring(int fd, const RingShape& shape, std::int32_t thread) noexcept {
  forget_ring(fd);  // if it was closed behind our back
  for (std::uint32_t i = 0; i != kMostRings; ++i) {
    RingNote& note = notes[i];
    constexpr std::uint32_t kTaken = ~0u;
    std::uint32_t seen = 0;
    if (!note.number.compare_exchange_strong(seen, kTaken)) continue;
    struct stat status{};
    sys::call(SYS_fstat, fd, &status);
    note.inode = status.st_ino, note.shape = shape, note.owner = thread;
    note.requests.store(nullptr), note.results.store(nullptr), note.entries.store(nullptr);
    note.seen.store(0), note.reasons.store(0);
    note.is_disabled = (shape.flags & IORING_SETUP_R_DISABLED) != 0;
    note.event = -1, note.event_async = false;
    drop(note.files), drop(note.buffers);
    RingRequests::drop(note.under_way);
    note.under_way = RingRequests::make(shape);
    note.number.store(static_cast<std::uint32_t>(fd) + 1);
    std::uint32_t count = used.load();
    while (count <= i && !used.compare_exchange_weak(count, i + 1)) {
    }
    return;
  }
}

void note_ring_memory(int fd, std::uint64_t offset, const void* place) noexcept {
  RingNote* note = find_number(fd);
  if (note == nullptr) return;
  const auto* start = static_cast<const char*>(place);
  if (offset == IORING_OFF_SQES) note->entries.store(start);
  if (offset == IORING_OFF_SQ_RING) note->requests.store(start);
  if (offset == IORING_OFF_SQ_RING || offset == IORING_OFF_CQ_RING) note->results.store(start);
}

void note_unmapping(const void* place, std::uint64_t length) noexcept {
  const auto* start = static_cast<const char*>(place);
  const auto goes = [&](const char* mapped) { return mapped >= start && mapped < start + length; };
  const std::uint32_t count = used.load();
  for (std::uint32_t i = 0; i != count; ++i) {
    if (goes(notes[i].requests.load())) notes[i].requests.store(nullptr);
    if (goes(notes[i].results.load())) notes[i].results.store(nullptr);
    if (goes(notes[i].entries.load())) notes[i].entries.store(nullptr);
  }
}

void look_at_requests(int fd, const std::uint32_t* tail) noexcept {
  if (RingNote* note = find_number(fd); note != nullptr) look(*note, tail);
}

void note_ring_registration(int fd, std::uint32_t what, const void* argument, std::uint32_t count, long done, std::int32_t thread) noexcept {
  RingNote* const note = find_number(fd);
  if (note == nullptr) return;
  const auto* numbers = static_cast<const std::int32_t*>(argument);
  const auto* buffers = static_cast<const iovec*>(argument);
  switch (what) {
    case IORING_REGISTER_BUFFERS: fill(*note, note->buffers, what, count, [&](std::uint32_t i) { return buffer_slot(buffers[i]); }); break;
    case IORING_UNREGISTER_BUFFERS: drop(note->buffers); break;
    case IORING_REGISTER_FILES: fill(*note, note->files, what, count, [&](std::uint32_t i) { return file_slot(numbers[i]); }); break;
    case IORING_UNREGISTER_FILES: drop(note->files); break;
    case IORING_REGISTER_EVENTFD: case IORING_REGISTER_EVENTFD_ASYNC: note->event = *numbers, note->event_async = what == IORING_REGISTER_EVENTFD_ASYNC; break;
    case IORING_UNREGISTER_EVENTFD: note->event = -1; break;
    case IORING_REGISTER_FILES_UPDATE: {
      const auto& given = *static_cast<const io_uring_rsrc_update*>(argument);
      note_update(*note, what, {given.offset, 0, given.data, 0, count, 0}, static_cast<std::uint32_t>(done), true);
      break;
    }
    case IORING_REGISTER_FILES2: note_resources(*note, note->files, what, *static_cast<const io_uring_rsrc_register*>(argument), true); break;
    case IORING_REGISTER_BUFFERS2: note_resources(*note, note->buffers, what, *static_cast<const io_uring_rsrc_register*>(argument), false); break;
    case IORING_REGISTER_FILES_UPDATE2: note_updates(*note, what, *static_cast<const io_uring_rsrc_update2*>(argument), static_cast<std::uint32_t>(done), true); break;
    case IORING_REGISTER_BUFFERS_UPDATE: note_updates(*note, what, *static_cast<const io_uring_rsrc_update2*>(argument), static_cast<std::uint32_t>(done), false); break;
    case IORING_REGISTER_ENABLE_RINGS: note->is_disabled = false, note->owner = thread; break;
    case IORING_REGISTER_PROBE: case IORING_REGISTER_SYNC_CANCEL: case IORING_REGISTER_RING_FDS: case IORING_UNREGISTER_RING_FDS: break;  // is of the thread (thread_attributes.hpp)
    default: refuse_other(*note, what); break;
  }
}

void doubt_rings(RingReason reason) noexcept {
  const std::uint32_t count = used.load();
  for (std::uint32_t i = 0; i != count; ++i) add_reason(notes[i], reason);
}

void forget_ring(int fd) noexcept {
  if (RingNote* note = find_number(fd); note != nullptr) note->number.store(0);
}

void forget_rings() noexcept {
  const std::uint32_t count = used.load();
  for (std::uint32_t i = 0; i != count; ++i) notes[i].number.store(0);
}

bool has_rings() noexcept { return used.load(std::memory_order_relaxed) != 0; }

// A handler of the program's that interrupts it may stay for long, or never return: then it is not waited for.
bool is_looking_at_requests(std::uint64_t instruction) noexcept {
  const std::uint32_t count = used.load();
  if (count == 0 || instruction < reinterpret_cast<std::uintptr_t>(__ehdr_start) || instruction >= reinterpret_cast<std::uintptr_t>(_etext)) return false;
  const auto self = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
  for (std::uint32_t i = 0; i != count; ++i)
    if (notes[i].number.load() != 0 && notes[i].under_way != nullptr && notes[i].under_way->busy.load() == self) return true;
  return false;
}

RingNote* find_ring(std::uint64_t inode) noexcept {
  const std::uint32_t count = used.load();
  for (std::uint32_t i = 0; i != count; ++i)
    if (notes[i].number.load() != 0 && notes[i].inode == inode) return &notes[i];
  return nullptr;
}

}  // namespace stasis::hijack
