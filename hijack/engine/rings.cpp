// Rings at a checkpoint, see rings.hpp. The kernel tells its counters in fdinfo (proc_pid_fdinfo(5)), unless it is just at work in the ring.
// World: hijack, leader.
#include "hijack/engine/rings.hpp"

#include <sys/socket.h>

#include <cstring>

#include "hijack/engine/saved_rings.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/kinds/descriptor_facts.hpp"
#include "hijack/kinds/event_set.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {

constinit SavedRings saved_rings = {};

namespace {

constexpr std::uint64_t kWaitNs = 2'000'000'000;  // a disk that takes longer for what it has begun is refused like one that never ends
// What a ring is made with and what is made again; others (a thread of the kernel's that looks for requests, IORING_SETUP_SQPOLL) are not.
constexpr std::uint32_t kKnownFlags = IORING_SETUP_IOPOLL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
                                      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |
                                      IORING_SETUP_DEFER_TASKRUN | kSetupNoMmap | kSetupNoArray;
constexpr std::uint32_t kHasOverflow = 2;  // IORING_SQ_CQ_OVERFLOW

Error unsupported(const Description& ring, std::string_view why) noexcept {
  return error(ErrorCode::unsupported, FixedString<320>("descriptor ").append_signed(ring.fd).append(": an io_uring ").append(why));
}

std::string_view why(const RingNote& note) noexcept {
  const std::uint32_t reasons = note.reasons.load();
  if ((reasons & kUnseen) != 0) return "to which requests were submitted neither through liburing nor the C library's syscall()";
  if ((reasons & kUncounted) != 0) return "that was given requests whose results cannot be counted (multishot, IOSQE_CQE_SKIP_SUCCESS, zero copy, messages)";
  if ((reasons & kProvidedBuffers) != 0) return "that has buffers for the kernel to choose from (IORING_OP_PROVIDE_BUFFERS)";
  if ((reasons & kSlotsByRequest) != 0) return "whose registered files were changed by requests";
  if ((reasons & kTags) != 0) return "whose registered files or buffers have tags";
  if ((reasons & kOther) != 0) return "with which something was registered that is not brought back";
  return {};
}

struct Counters {
  bool are_told = false;
  std::uint32_t taken = 0, given = 0;
};

Counters read_counters(int fd) noexcept {
  char buffer[1024];
  const std::string_view facts = descriptor_facts(fd, buffer, sizeof buffer);
  const std::string_view taken = field_of(facts, "CachedSqHead:"), given = field_of(facts, "CachedCqTail:");
  if (taken.empty() || given.empty()) return {};
  return {true, static_cast<std::uint32_t>(Text(taken).number()), static_cast<std::uint32_t>(Text(given).number())};
}

std::uint32_t load(const char* place) noexcept { return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(place), __ATOMIC_ACQUIRE); }

// What a program may write, too, is believed only where nothing but the program itself comes to harm.
class Keeper {
 public:
  Keeper(const MemoryMap& map, const Descriptors& all, Arena& arena) noexcept : map_(map), all_(all), arena_(arena) {}

  Status run() noexcept {
    saved_rings.count = saved_rings.number_count = saved_rings.mapping_count = saved_rings.request_count = saved_rings.entry_count = 0;
    for (std::uint32_t i = 0; i != all_.descriptions.size(); ++i)
      if (all_.descriptions[i].record.kind == image::DescriptionKind::ring) STASIS_TRY(keep(i));
    for (const Description& one : all_.descriptions)
      if (saved_rings.count != 0 && one.record.kind == image::DescriptionKind::event_set) STASIS_TRY(keep_entries(one.fd));
    for (const Mapping& mapping : map_.mappings)
      if (mapping.is_uring && !is_kept(mapping)) return error(ErrorCode::unsupported, FixedString<320>("an io_uring without a descriptor, mapped at 0x").append_number(mapping.record.start, 16));
    return {};
  }

 private:
  Status keep(std::uint32_t index) noexcept {
    const Description& ring = all_.descriptions[index];
    RingNote* const note = find_ring(ring.record.inode);
    if (note == nullptr) return unsupported(ring, "that was made neither through liburing nor the C library's syscall()");
    if (saved_rings.count == kMostRings) return unsupported(ring, "as there are more than 63 others");
    SavedRing& kept = saved_rings.rings[saved_rings.count];
    kept.note = note, kept.owner = 0;
    kept.number_count = kept.mapping_count = 0;
    kept.status_flags = static_cast<std::int32_t>(ring.record.status_flags);
    STASIS_TRY(find_owner(ring, kept));
    STASIS_TRY(find_numbers(ring, index, kept));
    STASIS_TRY(find_mappings(ring, kept));
    STASIS_TRY(rest(ring, kept));
    STASIS_TRY(check_registered(ring, *note));
    ++saved_rings.count;
    return {};
  }

  // Of rings, in an epoll set.
  Status keep_entries(int set) noexcept {
    STASIS_TRY_VALUE(const auto entries, read_event_set(set, arena_));
    for (std::uint32_t i = 0; i != entries.size(); ++i) {
      for (const Description& ring : all_.descriptions) {
        if (ring.record.kind != image::DescriptionKind::ring || ring.record.inode != entries[i].inode) continue;
        const bool has_number = find(entries[i].fd, [&](const Description& one) { return &one == &ring; }) != nullptr;
        if (!has_number || !is_entry_of(set, entries, i, ring.fd)) return unsupported(ring, "in an epoll set under a number that was closed");
        if (saved_rings.entry_count == kMostRingNumbers) return unsupported(ring, "as rings are in epoll sets 256 times");
        saved_rings.entries[saved_rings.entry_count++] = {set, entries[i].fd, entries[i].events, entries[i].data};
      }
    }
    return {};
  }

  static Status find_owner(const Description& ring, SavedRing& kept) noexcept {
    const RingNote& note = *kept.note;
    if ((note.shape.flags & ~kKnownFlags) != 0)
      return unsupported(ring, FixedString<96>("with flags that are not brought back (0x").append_number(note.shape.flags & ~kKnownFlags, 16).append(")"));
    if ((note.shape.flags & IORING_SETUP_SINGLE_ISSUER) == 0 || note.is_disabled) return {};
    kept.owner = note.owner;
    for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i)
      if (saved.kept->threads[i].phase.load() == ThreadPhase::parked && programs_id(saved.kept->threads[i].tid) == kept.owner) return {};
    return unsupported(ring, "of a thread that has ended (IORING_SETUP_SINGLE_ISSUER)");
  }

  Status find_numbers(const Description& ring, std::uint32_t index, SavedRing& kept) noexcept {
    kept.first_number = saved_rings.number_count;
    for (const image::DescriptorRecord& descriptor : all_.descriptors) {
      if (descriptor.description != index) continue;
      if (saved_rings.number_count == kMostRingNumbers) return unsupported(ring, "as rings have more than 256 descriptors");
      saved_rings.numbers[saved_rings.number_count++] = {descriptor.fd, descriptor.close_on_exec};
      ++kept.number_count;
    }
    return kept.number_count != 0 ? Status() : Status(unsupported(ring, "in flight in a UNIX socket"));
  }

  Status find_mappings(const Description& ring, SavedRing& kept) noexcept {
    RingNote& note = *kept.note;
    kept.first_mapping = saved_rings.mapping_count;
    if ((note.shape.flags & kSetupNoMmap) != 0) return {};
    note.requests.store(nullptr), note.results.store(nullptr), note.entries.store(nullptr);
    for (const Mapping& mapping : map_.mappings) {
      const image::MappingRecord& record = mapping.record;
      if (!mapping.is_uring || record.inode != ring.record.inode) continue;
      if (record.offset != IORING_OFF_SQ_RING && record.offset != IORING_OFF_CQ_RING && record.offset != IORING_OFF_SQES) return unsupported(ring, "that is mapped in part");
      if (saved_rings.mapping_count == kMostRingMappings) return unsupported(ring, "as rings are mapped in more than 256 places");
      saved_rings.mappings[saved_rings.mapping_count++] = {record.start, record.end - record.start, record.offset, record.protection, record.flags, nullptr};
      ++kept.mapping_count;
      const auto* place = reinterpret_cast<const char*>(record.start);
      if (record.offset == IORING_OFF_SQES) note.entries.store(place);
      if (record.offset == IORING_OFF_SQ_RING) note.requests.store(place);
      if (note.results.load() == nullptr && record.offset != IORING_OFF_SQES) note.results.store(place);
    }
    return {};
  }

  bool is_kept(const Mapping& mapping) const noexcept {
    for (std::uint32_t i = 0; i != saved_rings.mapping_count; ++i)
      if (saved_rings.mappings[i].start == mapping.record.start) return true;
    return false;
  }

  Status rest(const Description& ring, SavedRing& kept) noexcept {
    const RingNote& note = *kept.note;
    const std::uint64_t deadline = clock_ns(CLOCK_MONOTONIC) + kWaitNs;
    const std::uint32_t first_request = saved_rings.request_count;
    std::uint32_t given_before = ~0u;
    for (bool is_known = false;;) {
      if ((note.shape.flags & IORING_SETUP_DEFER_TASKRUN) != 0 && kept.owner != 0) let_owner_ask(ring.fd, kept.owner);
      const Counters counters = read_counters(ring.fd);
      const char* const requests = note.requests.load();
      const std::uint32_t dropped = requests == nullptr ? 0 : load(requests + note.shape.dropped);
      const std::uint32_t lost = note.results.load() == nullptr ? 0 : load(note.results.load() + note.shape.lost);
      if (counters.are_told && counters.taken != 0 && requests == nullptr) return unsupported(ring, "that is not mapped");
      if (counters.are_told && static_cast<std::int32_t>(counters.taken - note.seen.load()) > 0) return unsupported(ring, why_unseen());
      if (const std::string_view reason = why(note); !reason.empty()) return unsupported(ring, reason);
      if (requests != nullptr && (load(requests + note.shape.state) & kHasOverflow) != 0) return unsupported(ring, "that has more results than there is room for, until the program reads some");
      kept.taken = counters.taken, kept.given = counters.given;
      kept.under_way = counters.taken - dropped - counters.given - lost;
      if (counters.are_told && kept.under_way == 0) return {};
      // What is just completing does so between two looks.
      std::string_view reason;
      if (counters.are_told) {
        reason = keep_requests(*kept.note, kept, first_request);
        is_known = reason.empty() && given_before == counters.given;
        given_before = counters.given;
      }
      if (is_known) return {};
      saved_rings.request_count = first_request;
      if (clock_ns(CLOCK_MONOTONIC) > deadline) return unsupported(ring, FixedString<160>("with a request that does not complete, ").append(reason));
      const timespec moment{0, 1'000'000};
      sys::call(SYS_nanosleep, &moment, nullptr);
    }
  }

  // What completes for a thread that works for itself (IORING_SETUP_DEFER_TASKRUN) is told when it asks.
  static void let_owner_ask(int fd, std::int32_t owner) noexcept {
    if (owner == programs_id(static_cast<std::int32_t>(sys::call(SYS_gettid)))) {
      sys::call(SYS_io_uring_enter, fd, 0, 0, IORING_ENTER_GETEVENTS, nullptr, 0);
      return;
    }
    for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i)
      if (saved.kept->threads[i].phase.load() == ThreadPhase::parked && programs_id(saved.kept->threads[i].tid) == owner && i != 0) return ask_for_results(saved.kept->threads[i].tid, fd);
  }

  // Requests under way that can be given again; else why not.
  std::string_view keep_requests(RingNote& note, const SavedRing& kept, std::uint32_t first) noexcept {
    if (note.under_way == nullptr || note.under_way->busy.load() != 0) return "and that cannot be told while a handler of the program's interrupts one that submits";
    Following following(note);
    following.catch_up(kept.taken, kept.given, false);
    if (!following.knows() || note.under_way->count != kept.under_way) return "and cannot be told from others";
    std::string_view reason;
    const std::int64_t now = static_cast<std::int64_t>(clock_ns(CLOCK_MONOTONIC));
    note.under_way->for_each([&](RingRequest& request) {
      if (!reason.empty()) return;
      reason = why_not_again(note, request);
      if (reason.empty() && saved_rings.request_count == kMostUnderWay) reason = "as do more than 1023 others";
      if (!reason.empty()) return;
      const std::int64_t left = request.time_ns > now ? request.time_ns - now : 0;
      insert({&request, saved_rings.count, left}, first);
    });
    return reason;
  }

  static void insert(const SavedRequest& request, std::uint32_t first) noexcept {
    std::uint32_t at = saved_rings.request_count++;
    for (; at != first && static_cast<std::int32_t>(saved_rings.requests[at - 1].request->number - request.request->number) > 0; --at) saved_rings.requests[at] = saved_rings.requests[at - 1];
    saved_rings.requests[at] = request;
  }

  std::string_view why_not_again(const RingNote& note, const RingRequest& one) noexcept {
    const io_uring_sqe& request = one.request;
    if ((request.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN)) != 0) return "as it is one of a chain";
    if ((request.flags & IOSQE_BUFFER_SELECT) != 0) return "and whose buffer the kernel chooses";
    if (request.opcode == IORING_OP_TIMEOUT) return request.off == 0 ? std::string_view() : "a timeout that counts results";
    const bool reads = request.opcode == IORING_OP_READ || request.opcode == IORING_OP_READ_FIXED;
    if (request.opcode == IORING_OP_RECV && (request.msg_flags & MSG_WAITALL) != 0) return "a RECV with MSG_WAITALL";
    if (!reads && request.opcode != IORING_OP_RECV && request.opcode != IORING_OP_POLL_ADD && request.opcode != IORING_OP_ACCEPT)
      return "and is neither POLL_ADD, READ, RECV, ACCEPT nor TIMEOUT";
    std::int64_t fd = request.fd;
    if ((request.flags & IOSQE_FIXED_FILE) != 0) fd = static_cast<std::uint32_t>(request.fd) < note.files.count ? note.files.slots[request.fd].what : -1;
    const Description* about = find(static_cast<int>(fd), [&](const Description& open) { return one.inode == 0 || (open.record.inode == one.inode && open.record.device == one.device); });
    if (about == nullptr) return "and whose descriptor was closed";
    const mode_t mode = about->record.mode;
    return reads && (S_ISREG(mode) || S_ISBLK(mode)) ? "a READ of a file" : std::string_view();
  }

  static std::string_view why_unseen() noexcept { return "to which requests were submitted neither through liburing nor the C library's syscall()"; }

  Status check_registered(const Description& ring, const RingNote& note) noexcept {
    STASIS_TRY_VALUE(const std::string_view facts, read_file(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(ring.fd).c_str(), arena_));
    const auto count = [&](std::string_view key) { return Text(field_of(facts, key)).number(); };
    if (count("UserFiles:") != note.files.count || count("UserBufs:") != note.buffers.count)
      return unsupported(ring, "with which files or buffers were registered neither through liburing nor the C library's syscall()");
    if (facts.find("\nPersonalities:") != std::string_view::npos) return unsupported(ring, "with which credentials are registered (IORING_REGISTER_PERSONALITY)");
    if (note.event >= 0 && find(note.event, [](const Description& one) { return one.record.kind == image::DescriptionKind::event_counter; }) == nullptr)
      return unsupported(ring, "that tells an event counter whose descriptor was closed (IORING_REGISTER_EVENTFD)");
    for (std::uint32_t i = 0; i != note.files.count; ++i) {
      const RingSlot& slot = note.files.slots[i];
      if (slot.what < 0) continue;
      const Description* file = find(static_cast<int>(slot.what), [&](const Description& one) { return one.record.inode == slot.size_or_inode && one.record.device == slot.device; });
      if (file == nullptr) return unsupported(ring, FixedString<96>("with a registered file whose descriptor ").append_signed(slot.what).append(" was closed"));
    }
    return {};
  }

  template <class Fits>
  const Description* find(int fd, Fits&& fits) const noexcept {
    for (const image::DescriptorRecord& descriptor : all_.descriptors) {
      if (descriptor.fd != fd) continue;
      const Description& one = all_.descriptions[static_cast<std::uint32_t>(descriptor.description)];
      return fits(one) ? &one : nullptr;
    }
    return nullptr;
  }

  const MemoryMap& map_;
  const Descriptors& all_;
  Arena& arena_;
};

}  // namespace

Status check_rings() noexcept {
  for (std::uint32_t i = 0; i != saved_rings.request_count; ++i) {
    const SavedRequest& one = saved_rings.requests[i];
    const SavedRing& ring = saved_rings.rings[one.ring];
    const int fd = saved_rings.numbers[ring.first_number].fd;
    const auto refused = [&](std::string_view why) { return error(ErrorCode::unsupported, FixedString<320>("descriptor ").append_signed(fd).append(": an io_uring ").append(why)); };
    const std::uint8_t operation = one.request->request.opcode;
    // Of others there is no trace but the result, which does not come back.
    const bool has_effects = operation != IORING_OP_POLL_ADD && operation != IORING_OP_TIMEOUT;
    if (has_effects) {
      const Counters now = read_counters(fd);
      if (!now.are_told || now.given != ring.given) return refused("of which a request has completed just now; a moment later may work");
    }
    bool is_there = false;
    for (std::uint32_t thread = 0; thread != saved.kept->thread_count; ++thread)
      is_there |= saved.kept->threads[thread].phase.load() == ThreadPhase::parked && saved.kept->threads[thread].fs_base == one.request->thread;
    if (!is_there) return refused("with a request of a thread that has ended");
  }
  return {};
}

Status rest_rings(const MemoryMap& map, const Descriptors& all, Arena& arena) noexcept { return Keeper(map, all, arena).run(); }

}  // namespace stasis::hijack
