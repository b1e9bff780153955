// What the restorer tells the restored library: one struct at an address that the image names.
//
// The restorer writes it into the library's memory after that memory is filled and before it jumps to ProcessRecord::entry
// with ProcessRecord::entry_stack as stack pointer and FS set to ProcessRecord::fs_base. On entry every signal is blocked, every
// signal action is default, there is one thread, whose id is the old one, and it has CAP_CHECKPOINT_RESTORE (and all other
// capabilities of the restart's user namespace) so that clone3 can choose thread ids; the library gives them up.
// World: all.
#pragma once
#include <cstdint>

namespace stasis::image {

inline constexpr std::uint32_t kHandoffVersion = 1;

struct Handoff {
  std::uint32_t version = 0;          // kHandoffVersion; 0 in a process that was not restored
  std::int32_t status_fd = -1;        // pipe to stasis restart: the library writes one RestoreFailure, code none when the process
                                      // is whole again (before it sends Restored), and closes it
  std::uint64_t generation = 0;       // that was restored
  std::uint64_t parking_start = 0;    // the restorer's own memory: the library unmaps it first thing
  std::uint64_t parking_length = 0;
  std::int64_t monotonic_offset_ns = 0;  // now minus checkpoint time by CLOCK_MONOTONIC of the old machine
  std::uint32_t exact_ids = 1;        // ids are the old ones (namespace mode)
  std::uint32_t reserved = 0;
};

// What comes through status_fd: how bringing back one process went. Fixed size, one write. A process that ends without having
// written one has failed. Before the library runs, stasis restart's own processes report their steps with code none and
// a step number in `sys_errno`; the library's success has 0 there.
struct RestoreFailure {
  std::int32_t pid = 0;
  std::int32_t sys_errno = 0;
  std::uint32_t code = 0;     // ErrorCode; none: success
  std::uint32_t length = 0;   // of text
  char text[240] = {};
};

}  // namespace stasis::image
