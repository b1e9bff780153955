// Locks and leases that a descriptor's fdinfo tells (proc_pid_fdinfo(5)).
//
// A lock of the process (fcntl(2), F_SETLK) is gone as soon as it closes any descriptor of the file, also one of ours: who reads such a file must do so by the descriptor
// that is there.
// World: hijack, leader, all threads parked.
#pragma once
#include "core/base/result.hpp"
#include "core/image/records.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

struct FileLocks {
  List<image::LockRecord> of_process;
  List<image::LockRecord> of_description;
};

// Those held by `fd`, a descriptor of a file or directory. Waiting for one is no holding. Errors: system when the arena is full.
Result<FileLocks> read_locks(int fd, Arena& arena) noexcept;

}  // namespace stasis::hijack
