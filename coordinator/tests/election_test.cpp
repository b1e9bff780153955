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

// An entry of an inventory, by inode and the inode of the other end that it needs.
// Object 1 is entry 0 of both; 10 has [0, 4) and [8, 12), 11 has [2, 10), and once more [3, 5); object 2 is its own.
TEST(Election, GivesEachPartOfMemoryToOne) {
  const std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers{{10, {{1, true}}}, {11, {{1, false}, {2, true}}}};
  const auto parts = divide_memory({{10, {{0, 0, 4}, {0, 8, 12}}}, {11, {{0, 2, 10}, {1, 0, 3}, {0, 3, 5}}}}, answers);
  const auto text = [&](std::int32_t pid) {
    std::string all;
    for (const proto::SharedPart& part : parts.at(pid)) all += std::to_string(part.extent) + ":" + std::to_string(part.start) + "-" + std::to_string(part.end) + " ";
    return all;
  };
  EXPECT_EQ(text(10), "0:0-4 1:8-12 ");
  EXPECT_EQ(text(11), "0:4-8 1:0-3 ");
}

proto::SharedEntry socket_entry(std::uint64_t inode, std::uint64_t other_end) { return {proto::SharedKind::description, 8, inode, 0, 3, other_end}; }

TEST(Lenders, AllOthersThatHaveEitherEndLendItToTheRecorder) {
  const std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories{{10, {socket_entry(1, 0), socket_entry(2, 7)}}, {11, {socket_entry(2, 7)}}, {12, {socket_entry(2, 7), socket_entry(7, 0)}}, {13, {socket_entry(7, 2)}}};
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers{{10, {{1, true}, {2, false}}}, {11, {{2, true}}}, {12, {{2, false}, {3, true}}}, {13, {{3, false}}}};
  const auto lendings = find_lenders(inventories, answers);
  ASSERT_EQ(lendings.size(), 3u);
  for (const auto& [pid, entry] : std::map<std::int32_t, std::uint32_t>{{10, 1}, {12, 1}, {13, 0}}) {
    ASSERT_EQ(lendings.at(pid).size(), 1u) << "once, whether it has one end or both";
    EXPECT_EQ(lendings.at(pid)[0].entry, entry) << "the other end, if it has both";
    EXPECT_EQ(lendings.at(pid)[0].borrower, 11);
    EXPECT_EQ(lendings.at(pid)[0].borrowed, 0u);
  }
  EXPECT_TRUE(answers.at(11)[0].lent);
  EXPECT_EQ(answers.at(11)[0].loans, 3u);
  EXPECT_EQ(answers.at(10)[1].loans, 0u) << "who does not record needs no loan";
  EXPECT_EQ(answers.at(13)[0].loans, 0u);
}

TEST(Lenders, WhoeverHasAnEndStandsStillWhereTheBorrowerHasBoth) {
  const std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories{{10, {socket_entry(2, 7), socket_entry(7, 0)}}, {11, {socket_entry(7, 0)}}, {12, {socket_entry(8, 0)}}};
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers{{10, {{1, true}, {2, true}}}, {11, {{2, false}}}, {12, {{3, true}}}};
  const auto lendings = find_lenders(inventories, answers);
  ASSERT_EQ(lendings.size(), 1u);
  EXPECT_EQ(lendings.at(11).size(), 1u);
  EXPECT_FALSE(answers.at(10)[0].lent);
  EXPECT_EQ(answers.at(10)[0].loans, 1u);
}

TEST(Lenders, NobodyLendsForAnEndThatNobodyHas) {
  const std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories{{10, {socket_entry(3, 99)}}, {11, {socket_entry(3, 99)}}};
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers{{10, {{1, true}}}, {11, {{1, false}}}};
  EXPECT_TRUE(find_lenders(inventories, answers).empty());
  EXPECT_FALSE(answers.at(10)[0].lent);
  EXPECT_EQ(answers.at(10)[0].loans, 0u);
}

proto::SharedEntry queue_entry(std::uint64_t inode) { return {proto::SharedKind::description, 9, inode, 0, 3, 0, false, 0, true}; }

TEST(Lenders, AllOthersThatHaveAQueueLendItOnceToTheFirst) {
  const std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories{{10, {queue_entry(1)}}, {11, {queue_entry(2), queue_entry(1), queue_entry(1)}}, {12, {queue_entry(1), queue_entry(2)}}};
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers{{10, {{1, true}}}, {11, {{2, true}, {1, false}, {3, true}}}, {12, {{3, false}, {2, false}}}};
  const auto lendings = find_lenders(inventories, answers);
  ASSERT_EQ(lendings.size(), 2u);
  ASSERT_EQ(lendings.at(11).size(), 1u) << "it has the queue twice";
  EXPECT_EQ(lendings.at(11)[0].borrower, 10);
  ASSERT_EQ(lendings.at(12).size(), 2u);
  EXPECT_EQ(lendings.at(12)[1].borrower, 11);
  EXPECT_EQ(lendings.at(12)[1].entry, 1u);
  EXPECT_TRUE(answers.at(10)[0].empties);
  EXPECT_EQ(answers.at(10)[0].loans, 2u);
  EXPECT_TRUE(answers.at(11)[0].empties);
  EXPECT_EQ(answers.at(11)[0].loans, 1u);
  EXPECT_FALSE(answers.at(11)[1].empties || answers.at(11)[2].empties || answers.at(12)[0].empties);
}

}  // namespace
