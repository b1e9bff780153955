// What files below /proc say of tasks: their ids, as the program knows them.
//
// The kernel writes such a text with its own ids. It is made anew at each read, so nothing is kept: the whole of it is taken, translated, and the part that was asked for is given.
// Positions are those in the translated text, so a file that was read in part goes on where it was, over a restart too.
// World: hijack, any thread, also in signal handlers; no errno, no malloc.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace stasis::hijack {

// Texts by how ids are written in them.
enum class ProcText : std::uint8_t {
  none,      // another file, or one without ids
  stat,      // /proc/PID/stat: words after the name
  status,    // /proc/PID/status: lines that begin with a key
  children,  // /proc/PID/task/TID/children: nothing but ids
  locks,     // /proc/locks: a lock a line
  details,   // /proc/PID/fdinfo/FD: lines with a key, and locks
  timers,    // /proc/PID/timers: whom a timer notifies
  sched,     // /proc/PID/sched: in the first line
};

// What the descriptor is, asked of the kernel: one system call if it is not below /proc.
ProcText proc_text_of(int fd) noexcept;

// As read(2) and pread(2) with a negated error number; -ENOSYS if there is no memory for it.
long read_proc_text(ProcText kind, int fd, void* buffer, std::size_t size) noexcept;
long pread_proc_text(ProcText kind, int fd, void* buffer, std::size_t size, off_t offset) noexcept;

// A stream reads by itself: if `fd`, which it has just opened to read, is such a file, a copy in memory of what that says now takes its place. Stays as it is where there
// is no memory for it, or a limit of file sizes forbids.
void freeze_proc_text(int fd) noexcept;

}  // namespace stasis::hijack
