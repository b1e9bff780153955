// What /proc tells of a descriptor and only of some kinds of them (proc_pid_fdinfo(5)).
//
// World: hijack, leader, all threads parked.
#pragma once
#include "hijack/kinds/kind.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {

// The lines of fdinfo, in `buffer`, cut at its size; empty if they cannot be read.
inline std::string_view descriptor_facts(int fd, char* buffer, std::size_t size) noexcept {
  return read_small(FixedString<64>("/proc/thread-self/fdinfo/").append_signed(fd).c_str(), buffer, size);
}

}  // namespace stasis::hijack
