// Which descriptors of two processes are one: with real processes that share, and that only look alike.
// World: programs.
#include "coordinator/election.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace stasis;
using namespace stasis::coordinator;

proto::SharedEntry entry_of(int fd) {
  struct stat status{};
  EXPECT_EQ(::fstat(fd, &status), 0);
  return {proto::SharedKind::description, status.st_dev, status.st_ino, 0, fd};
}

TEST(Election, GroupsWhatIsInherited) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int shared = ::open("/dev/null", O_RDONLY);
  const int alike = ::open("/dev/null", O_RDONLY);  // the same file, opened twice
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) ::pause();
  }
  const std::vector<proto::SharedEntry> parent{entry_of(shared), entry_of(ends[0])};
  const std::vector<proto::SharedEntry> offspring{entry_of(alike), entry_of(ends[0]), entry_of(shared)};
  const auto answers = elect({{::getpid(), parent}, {child, offspring}});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(answers.ok());
  const auto& mine = (*answers).at(::getpid());
  const auto& its = (*answers).at(child);
  ASSERT_EQ(mine.size(), 2u);
  ASSERT_EQ(its.size(), 3u);
  EXPECT_EQ(mine[0].id, its[2].id);
  EXPECT_EQ(mine[1].id, its[1].id);
  EXPECT_NE(its[0].id, its[2].id);
  EXPECT_NE(mine[0].id, mine[1].id);
  EXPECT_NE(mine[0].recorder, its[2].recorder) << "exactly one records";
  EXPECT_NE(mine[1].recorder, its[1].recorder);
  EXPECT_TRUE(its[0].recorder);
  for (const int fd : {ends[0], ends[1], shared, alike}) ::close(fd);
}

TEST(Election, TakesEqualMemoryForOne) {
  const proto::SharedEntry memory{proto::SharedKind::memory, 1, 77, 5, -1};
  proto::SharedEntry other = memory;
  other.discriminator = 6;
  const auto answers = elect({{10, {memory}}, {11, {other}}});
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ((*answers).at(10)[0].id, (*answers).at(11)[0].id);
  EXPECT_TRUE((*answers).at(10)[0].recorder);
  EXPECT_FALSE((*answers).at(11)[0].recorder);
}

}  // namespace
