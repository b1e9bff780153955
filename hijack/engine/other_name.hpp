// Another name of a file that was removed under the one by which it was opened (a hard link).
//
// The kernel tells no names of a file but that one. So it is looked for where it is likely: in the same directory, in the working directory, and
// in the directories that the process has open or has files open in; in so many of them, and in so many entries, as take no time that a
// program would notice. (A further name could be made by linkat(2) and /proc/self/fd, but it would be seen, and have to stay.)
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "hijack/kinds/kind.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

class OtherName {
 public:
  // `descriptions` are all that the process has.
  OtherName(Arena& arena, const List<Description>& descriptions) noexcept : arena_(arena), descriptions_(descriptions) {}

  // A name that leads to the file now, ending with a NUL in the arena; empty if none was found.
  std::string_view find(const Description& file) noexcept;
  // The same for a file of which it is not known whether it has another name: looked for only where `path` was and among the descriptions.
  std::string_view find_beside(std::string_view path, std::uint64_t device, std::uint64_t inode) noexcept;

 private:
  struct Identity {
    std::uint64_t device, inode;
    bool is_of(const struct stat& status) const noexcept { return status.st_ino == inode && status.st_dev == device; }
  };
  std::string_view find_open(const Identity& file) const noexcept;
  std::string_view look_in(std::string_view directory, const Identity& file) noexcept;

  static constexpr std::uint32_t kMostDirectories = 64;
  static constexpr std::uint32_t kMostEntries = 200'000;  // a tenth of a second
  Arena& arena_;
  const List<Description>& descriptions_;
  std::uint32_t entries_left_ = kMostEntries;  // for all files of the process
};

}  // namespace stasis::hijack
