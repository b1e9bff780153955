// By which paths files are watched. An inotify instance tells only their inodes, so the paths are noted when they are given.
//
// World: hijack. Noting: any thread. Finding: leader, all threads parked.
#pragma once
#include <cstdint>
#include <string_view>

namespace stasis::hijack {

// After a successful inotify_add_watch(2).
void note_watched_path(const char* path) noexcept;

// An absolute path that was noted for the file and still leads to it, ending with a NUL; empty if there is none. `device` as stat(2) has it.
std::string_view find_watched_path(std::uint64_t device, std::uint64_t inode) noexcept;

}  // namespace stasis::hijack
