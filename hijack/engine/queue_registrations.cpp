// Registrations, see queue_registrations.hpp. A table without locks; the newest note of a queue counts.
// World: hijack.
#include "hijack/engine/queue_registrations.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <atomic>

#include "hijack/kinds/queue_visit.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kMost = 256;

constexpr std::uint64_t kFree = 0, kWritten = ~std::uint64_t{0};

struct Note {
  std::atomic<std::uint64_t> order;  // kFree, kWritten while that is under way, or which it is, from 1
  std::uint64_t device, inode;
  sigevent event;
};
constinit Note notes[kMost] = {};
constinit std::atomic<std::uint64_t> last = 0;

// NOTIFY_COOKIE_LEN bytes for the kernel, which writes the last one (linux/mqueue.h); for the C library they begin with these (mq_notify.c).
struct Cookie {
  void (*function)(sigval);
  sigval argument;
  pthread_attr_t* attributes;
  char rest[8];
};
static_assert(sizeof(Cookie) == 32);

struct Registration {
  int queue;
  sigevent given;  // by the program
  sigevent event;  // as the system call takes it
  Cookie cookie;
};
constinit Registration registrations[kMost] = {};
constinit std::uint32_t registered = 0;

// Notes that nobody needs any more (the message has come, the queue is closed) stay until there is a new one of the same queue, or no room.
std::uint32_t take_slot() noexcept {
  std::uint32_t oldest = 0;
  for (std::uint32_t i = 0; i != kMost; ++i) {
    std::uint64_t seen = kFree;
    if (notes[i].order.compare_exchange_strong(seen, kWritten)) return i;
    if (seen < notes[oldest].order.load()) oldest = i;
  }
  notes[oldest].order.store(kWritten);
  return oldest;
}

const Note* find_note(const Description& queue) noexcept {
  const Note* newest = nullptr;
  for (const Note& note : notes) {
    const std::uint64_t order = note.order.load();
    if (order == kFree || order == kWritten || note.inode != queue.record.inode || note.device != queue.record.device) continue;
    if (newest == nullptr || order > newest->order.load()) newest = &note;
  }
  return newest;
}

int option(int fd, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size);
  return value;
}

// The library's: nobody else has one that receives without a name. Its number, -1 if there is none or more than one.
int find_library_socket(const Descriptors& all) noexcept {
  int found = -1, count = 0;
  for (const image::DescriptorRecord& descriptor : all.descriptors) {
    if (all.descriptions[static_cast<std::uint32_t>(descriptor.description)].record.kind != image::DescriptionKind::socket) continue;
    if (option(descriptor.fd, SO_DOMAIN) != AF_NETLINK || option(descriptor.fd, SO_TYPE) != SOCK_RAW || option(descriptor.fd, SO_PROTOCOL) != NETLINK_ROUTE) continue;
    sockaddr_nl name{};
    socklen_t size = sizeof name;
    if (sys::call(SYS_getsockname, descriptor.fd, &name, &size) < 0 || name.nl_pid != 0) continue;
    found = descriptor.fd, ++count;
  }
  return count == 1 ? found : -1;
}

struct Look {
  Result<QueueFacts> facts = QueueFacts{};
  static void run(int queue, void* self) noexcept { static_cast<Look*>(self)->facts = read_queue_facts(queue); }
};

Error unsupported(const Description& queue, std::string_view why) noexcept {
  return error(ErrorCode::unsupported, FixedString<320>("a message queue (").append(queue.record.path).append(") with a notification to this process (mq_notify) ").append(why));
}

Status save(int fd, const Description& queue, const QueueFacts& facts, const Descriptors& all) noexcept {
  if (registered == kMost) return unsupported(queue, "as have more than 255 others");
  Registration& one = registrations[registered];
  one = {};
  one.queue = fd, one.event.sigev_notify = facts.how, one.event.sigev_signo = facts.signal;
  one.given = one.event;
  if (facts.how != SIGEV_NONE) {
    const Note* note = find_note(queue);
    if (note == nullptr || note->event.sigev_notify != facts.how || (facts.how == SIGEV_SIGNAL && note->event.sigev_signo != facts.signal))
      return unsupported(queue, "that was not asked for through the C library");
    one.given = note->event, one.event.sigev_value = note->event.sigev_value;
    if (facts.how == SIGEV_THREAD) {
      if (note->event.sigev_notify_attributes != nullptr) return unsupported(queue, "by a thread that is to have attributes (SIGEV_THREAD)");
      one.cookie.function = note->event.sigev_notify_function, one.cookie.argument = note->event.sigev_value;
      one.event.sigev_signo = find_library_socket(all), one.event.sigev_value.sival_ptr = &one.cookie;
      if (one.event.sigev_signo < 0) return unsupported(queue, "by a thread (SIGEV_THREAD), while the C library's socket for that cannot be told from others");
    }
  }
  ++registered;
  return {};
}

}  // namespace

std::uint32_t note_registration(int queue, const sigevent& event) noexcept {
  const std::uint32_t index = take_slot();
  struct stat status{};
  sys::call(SYS_fstat, queue, &status);
  notes[index].device = status.st_dev, notes[index].inode = status.st_ino, notes[index].event = event;
  notes[index].order.store(last.fetch_add(1) + 1);
  return index;
}

void confirm_registration(std::uint32_t index, bool succeeded) noexcept {
  const Note& own = notes[index];
  if (!succeeded) return notes[index].order.store(kFree);
  for (Note& note : notes)
    if (note.inode == own.inode && note.device == own.device && note.order.load() < own.order.load()) note.order.store(kFree);
}

Status save_registrations(const Descriptors& all, Arena& arena) noexcept {
  registered = 0;
  const auto self = static_cast<std::int32_t>(sys::call(SYS_getpid));
  List<const Description*> seen(arena);
  for (const image::DescriptorRecord& descriptor : all.descriptors) {
    const Description& queue = all.descriptions[static_cast<std::uint32_t>(descriptor.description)];
    if (queue.record.kind != image::DescriptionKind::message_queue) continue;
    bool is_known = false;
    for (const Description* other : seen) is_known |= other->record.inode == queue.record.inode && other->record.device == queue.record.device;
    if (is_known) continue;
    if (!seen.add(&queue)) return out_of_arena();
    Look look;
    STASIS_TRY(visit_queue(descriptor.fd, O_RDONLY, arena, Look::run, &look));
    if (!look.facts.ok()) return look.facts.error();
    if (look.facts->registered == self) STASIS_TRY(save(descriptor.fd, queue, *look.facts, all));
  }
  return {};
}

Status take_registrations() noexcept {
  for (Note& note : notes) note.order.store(kFree);  // queues have other inodes now
  for (std::uint32_t i = 0; i != registered; ++i) {
    const Registration& one = registrations[i];
    note_registration(one.queue, one.given);
    if (const long result = sys::call(SYS_mq_notify, one.queue, &one.event); result < 0)
      return system_error(FixedString<64>("ask for notifications of message queue ").append_signed(one.queue), result);
  }
  return {};
}

}  // namespace stasis::hijack
