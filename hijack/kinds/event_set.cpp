// Epoll sets (epoll(7)): what is watched, under which number, for what.
//
// An entry belongs to a description, not to the number under which it was added: the number may be closed by now or lead elsewhere, while a duplicate keeps the
// description alive. kcmp(2) tells which of the process's descriptions it is. Each holder of a set says which it knows, for it need not have all of them.
// World: hijack, leader.
#include "hijack/kinds/event_set.hpp"

#include <linux/kcmp.h>

#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[eventpoll]")) return false;
  description.record.kind = image::DescriptionKind::event_set;
  return true;
}

std::uint64_t id_of(int set, const List<image::WatchedDescription>& entries, std::uint32_t index, const Sink& sink) noexcept {
  for (const Description& other : *sink.descriptions)
    if (other.record.inode == entries[index].inode && is_entry_of(set, entries, index, other.fd)) return other.record.id;
  return 0;
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
  STASIS_TRY_VALUE(List<image::WatchedDescription> entries, read_event_set(description.fd, sink.arena));
  for (std::uint32_t i = 0; i != entries.size(); ++i) entries[i].description = id_of(description.fd, entries, i, sink);
  return set_state(description, sink.arena, image::EventSet{{entries.begin(), entries.size()}});
}

}  // namespace

Result<List<image::WatchedDescription>> read_event_set(int set, Arena& arena) noexcept {
  STASIS_TRY_VALUE(const std::string_view facts, read_file(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(set).c_str(), arena));
  List<image::WatchedDescription> entries(arena);
  for (Text text(facts); !text.done();) {
    const std::string_view line = text.line();
    if (line.starts_with("tfd:") && !entries.add(entry_in(line))) return out_of_arena();
  }
  return entries;
}

bool is_entry_of(int set, const List<image::WatchedDescription>& entries, std::uint32_t index, int fd) noexcept {
  std::uint32_t earlier = 0;  // entries with the same number that come before it
  for (std::uint32_t i = 0; i != index; ++i) earlier += entries[i].fd == entries[index].fd;
  const long self = sys::call(SYS_gettid);
  const kcmp_epoll_slot slot{static_cast<std::uint32_t>(set), static_cast<std::uint32_t>(entries[index].fd), earlier};
  return sys::call(SYS_kcmp, self, self, KCMP_EPOLL_TFD, fd, &slot) == 0;
}

const Kind kinds_detail::event_set{recognise, record};

}  // namespace stasis::hijack
