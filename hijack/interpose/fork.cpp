// The child side of fork, see fork.hpp.
// World: hijack. The child has one thread, and its cost is every fork's cost: one system call and one store to shared memory.
#include "hijack/interpose/fork.hpp"

#include <pthread.h>

#include <cstddef>

#include "hijack/engine/membership.hpp"
#include "hijack/engine/processor_time.hpp"
#include "hijack/engine/io_contexts.hpp"
#include "hijack/engine/ring_notes.hpp"
#include "hijack/engine/semaphore_undo.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/threads.hpp"

namespace stasis::hijack {
namespace {

void in_child() noexcept {
  if (settings.standing == Standing::emulated) {
    take_own_id();
    write_slot(MemberState::emulated);
  }
  if (settings.standing != Standing::member) return;
  forget_checkpoint();
  forget_undo();
  forget_contexts();
  forget_rings();
  begin_usage();
  take_own_id();
  become_member();
  write_slot(MemberState::running);
}

}  // namespace

void watch_forks() noexcept { ::pthread_atfork(nullptr, nullptr, in_child); }

}  // namespace stasis::hijack

using namespace stasis::hijack;

STASIS_EXPORT pid_t _Fork(void) noexcept {
  const std::uint64_t since = birth_time();
  const pid_t pid = real::_Fork();
  if (pid == 0) in_child();
  return pid > 0 ? newborn_id(pid, since) : pid;
}
