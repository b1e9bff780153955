// What is seen of a process whose main thread has ended, and which of its threads gets the stop signal.
// World: programs.
#include "coordinator/processes.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/environment.hpp"

namespace {

using namespace stasis;
using namespace stasis::coordinator;

int report = -1;

void tell(pid_t tid) { ASSERT_EQ(::write(report, &tid, sizeof tid), static_cast<ssize_t>(sizeof tid)); }

void* wait_for_ever(void*) {
  tell(::gettid());
  for (;;) ::pause();
}

// A child whose main thread ends, and two that go on.
[[noreturn]] void lose_main_thread() {
  pthread_t older, younger;
  ::signal(kStopSignal, [](int) { tell(::gettid()); });
  ::pthread_create(&older, nullptr, wait_for_ever, nullptr);
  ::pthread_create(&younger, nullptr, wait_for_ever, nullptr);
  for (;;) ::syscall(SYS_exit, 0);  // pthread_exit unwinds, and the test's framework would catch it
}

TEST(Processes, SeeThroughAMainThreadThatHasEnded) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  report = ends[1];
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) lose_main_thread();
  pid_t threads[2] = {};
  for (pid_t& thread : threads) ASSERT_EQ(::read(ends[0], &thread, sizeof thread), static_cast<ssize_t>(sizeof thread));
  const pid_t older = std::min(threads[0], threads[1]);
  while (living_thread(child) == child) ::sched_yield();
  EXPECT_EQ(living_thread(child), older);

  void* table = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(table, MAP_FAILED);
  const MemberTable members(table);
  members.write(child, MemberState::running, ~std::uint64_t{0});
  const Census census = take_census(members, "0123456789abcdef", {});
  ASSERT_EQ(census.members.size(), 1u);
  EXPECT_EQ(census.members.begin()->first, child);
  EXPECT_TRUE(census.members.begin()->second.name.ends_with("/coordinator_test")) << census.members.begin()->second.name;

  EXPECT_TRUE(send_stop_signal(census.members.begin()->second));
  pid_t signalled = 0;
  ASSERT_EQ(::read(ends[0], &signalled, sizeof signalled), static_cast<ssize_t>(sizeof signalled));
  EXPECT_EQ(signalled, older);

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(living_thread(child), child) << "nobody is left";
  ::munmap(table, kMemberTableBytes);
  for (const int fd : ends) ::close(fd);
}

}  // namespace
