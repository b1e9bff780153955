// Inotify instances (inotify(7)): what is watched for what, under which numbers. Events that were not read cannot be looked at, nor made again.
// World: hijack, leader.
#include "core/image/states/watch_list.hpp"

#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "hijack/engine/watched_paths.hpp"
#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:inotify") && !description.record.path.starts_with("anon_inode:[inotify]")) return false;
  description.record.kind = image::DescriptionKind::watch_list;
  return true;
}

// "inotify wd:1 ino:2a sdev:fd00001 mask:3 ignored_mask:0 ...": all numbers in hex, the device as the kernel has it inside.
std::uint64_t number_after(std::string_view line, std::string_view key) noexcept {
  Text text(line);
  while (!text.done() && !text.rest().starts_with(key)) text.skip(1);
  text.skip(key.size());
  return text.number(16);
}

Status record(Description& description, Sink& sink) noexcept {
  int unread = 0;
  if (sys::call(SYS_ioctl, description.fd, FIONREAD, &unread) == 0 && unread != 0)
    return error(ErrorCode::unsupported, "an inotify instance with events that were not read yet; checkpoint again a moment later");
  STASIS_TRY_VALUE(const std::string_view facts, read_file(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(description.fd).c_str(), sink.arena));
  List<image::Watch> watches(sink.arena);
  for (Text text(facts); !text.done();) {
    const std::string_view line = text.line();
    if (!line.starts_with("inotify wd:")) continue;
    image::Watch watch;
    watch.number = static_cast<std::int32_t>(number_after(line, "wd:"));
    watch.events = static_cast<std::uint32_t>(number_after(line, "mask:"));
    const std::uint64_t device = number_after(line, "sdev:");
    watch.path = find_watched_path(makedev(device >> 20, device & 0xfffff), number_after(line, "ino:"));
    if (watch.path.empty()) return error(ErrorCode::unsupported, FixedString<160>("an inotify instance whose watch ").append_signed(watch.number).append(" is of a file that is not found under the path that was given"));
    std::uint32_t place = watches.size();  // ascending
    if (!watches.add(watch)) return out_of_arena();
    for (; place != 0 && watches[place - 1].number > watch.number; --place) watches[place] = watches[place - 1];
    watches[place] = watch;
  }
  return set_state(description, sink.arena, image::WatchList{{watches.begin(), watches.size()}});
}

}  // namespace

const Kind kinds_detail::watch_list{recognise, record};

}  // namespace stasis::hijack
