// Epoll sets (epoll(7)): what is watched, under which number, for what.
//
// An entry belongs to a description, not to the number under which it was added: the number may be closed by now or lead elsewhere, while a duplicate keeps the
// description alive. kcmp(2) tells which of the process's descriptions it is. Each holder of a set says which it knows, for it need not have all of them.
// World: hijack, leader.
#include "core/image/states/event_set.hpp"

#include <linux/kcmp.h>

#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[eventpoll]")) return false;
  description.record.kind = image::DescriptionKind::event_set;
  return true;
}

std::uint64_t id_of(const Description& set, const image::WatchedDescription& entry, std::uint32_t earlier, const Sink& sink) noexcept {
  const long self = sys::call(SYS_gettid);
  for (const Description& other : *sink.descriptions) {
    if (other.record.inode != entry.inode) continue;
    // `earlier` entries with the same number come before it.
    const kcmp_epoll_slot slot{static_cast<std::uint32_t>(set.fd), static_cast<std::uint32_t>(entry.fd), earlier};
    if (sys::call(SYS_kcmp, self, self, KCMP_EPOLL_TFD, other.fd, &slot) == 0) return other.record.id;
  }
  return 0;
}

// Its process makes it anew, when epoll sets are filled already.
bool is_ring(std::uint64_t id, const Sink& sink) noexcept {
  for (const Description& other : *sink.descriptions)
    if (id != 0 && other.record.id == id) return other.record.kind == image::DescriptionKind::ring;
  return false;
}

// "tfd:        5 events:       19 data:                7  pos:0 ino:61 sdev:9"
image::WatchedDescription entry_in(std::string_view line) noexcept {
  image::WatchedDescription entry;
  Text text(line);
  const auto after = [&](std::string_view key) {
    while (!text.done() && !text.rest().starts_with(key)) text.skip(1);
    text.skip(key.size());
  };
  after("tfd:");
  entry.fd = static_cast<std::int32_t>(text.number());
  after("events:");
  entry.events = static_cast<std::uint32_t>(text.number(16));
  after("data:");
  entry.data = text.number(16);
  after("ino:");
  entry.inode = text.number(16);
  after("sdev:");
  entry.device = text.number(16);
  return entry;
}

Status record(Description& description, Sink& sink) noexcept {
  STASIS_TRY_VALUE(const std::string_view facts, read_file(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(description.fd).c_str(), sink.arena));
  List<image::WatchedDescription> entries(sink.arena);
  for (Text text(facts); !text.done();) {
    const std::string_view line = text.line();
    if (!line.starts_with("tfd:")) continue;
    image::WatchedDescription entry = entry_in(line);
    std::uint32_t earlier = 0;
    for (const image::WatchedDescription& other : entries) earlier += other.fd == entry.fd;
    entry.description = id_of(description, entry, earlier, sink);
    if (is_ring(entry.description, sink)) return error(ErrorCode::unsupported, "an epoll set with an io_uring in it");
    if (!entries.add(entry)) return out_of_arena();
  }
  return set_state(description, sink.arena, image::EventSet{{entries.begin(), entries.size()}});
}

}  // namespace

const Kind kinds_detail::event_set{recognise, record};

}  // namespace stasis::hijack
