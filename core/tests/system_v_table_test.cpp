// The table of System V objects: numbers that a restart has changed, newcomers that the kernel gives such a number, and places that are used again.
// World: programs.
#include "core/registry/system_v_table.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace stasis;
using Kind = image::SystemVKind;

class Objects : public testing::Test {
 protected:
  void SetUp() override {
    base_ = ::mmap(nullptr, kSystemVTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(base_, MAP_FAILED);
    table_ = SystemVTable(base_);
  }
  void TearDown() override { ::munmap(base_, kSystemVTableBytes); }
  std::set<std::pair<int, int>> all(Kind kind) const {
    std::set<std::pair<int, int>> found;
    table_.for_each(kind, [&](int program, int kernel) { return found.emplace(program, kernel), true; });
    return found;
  }
  void* base_ = nullptr;
  SystemVTable table_;
};

TEST_F(Objects, AreKnownByTheKernelsNumbers) {
  EXPECT_EQ(table_.enter(Kind::memory, 32770), 32770);
  EXPECT_EQ(table_.enter(Kind::memory, 32770), 32770);
  EXPECT_EQ(table_.enter(Kind::semaphores, 0), 0);
  EXPECT_EQ(table_.kernels(Kind::memory, 32770), 32770);
  EXPECT_EQ(table_.kernels(Kind::memory, 7), 7);  // nobody has asked for it
  EXPECT_EQ(all(Kind::memory), (std::set<std::pair<int, int>>{{32770, 32770}}));
  EXPECT_EQ(all(Kind::semaphores), (std::set<std::pair<int, int>>{{0, 0}}));
  EXPECT_TRUE(all(Kind::messages).empty());
}

TEST_F(Objects, KeepTheirNumbersAfterARestart) {
  table_.enter(Kind::messages, 98305, 2);
  EXPECT_EQ(table_.kernels(Kind::messages, 2), 98305);
  EXPECT_EQ(table_.enter(Kind::messages, 98305), 2);
  EXPECT_EQ(table_.kernels(Kind::messages, 98305), kNoObject);  // the program knows none by it
}

TEST_F(Objects, AreNamedOtherwiseWhereTheNumberIsTaken) {
  table_.enter(Kind::memory, 98305, 2);
  const int name = table_.enter(Kind::memory, 2);
  EXPECT_NE(name, 2);
  EXPECT_GE(name, 0);
  EXPECT_EQ(table_.enter(Kind::memory, 2), name);
  EXPECT_EQ(table_.kernels(Kind::memory, name), 2);
  EXPECT_EQ(table_.kernels(Kind::memory, 2), 98305);
}

TEST_F(Objects, AreFollowedByOthersAtTheirPlace) {
  for (int sequence = 0; sequence != 100; ++sequence) {
    const int number = sequence << 15 | 5;
    EXPECT_EQ(table_.enter(Kind::semaphores, number), number);
    EXPECT_EQ(all(Kind::semaphores), (std::set<std::pair<int, int>>{{number, number}}));
  }
  // What had another number for the program gives its place up, too, when the kernel has used its own.
  table_.enter(Kind::semaphores, 7, 9);
  EXPECT_EQ(table_.enter(Kind::semaphores, 1 << 15 | 7), 1 << 15 | 7);
  EXPECT_EQ(table_.enter(Kind::semaphores, 9), 9);
}

TEST_F(Objects, HaveKeys) {
  EXPECT_EQ(table_.key_entry(Kind::memory, 0x1234, false), nullptr);
  SystemVTable::Keyed* const entry = table_.key_entry(Kind::memory, 0x1234, true);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->object, 0u);
  entry->object = SystemVTable::kMade | 2;
  EXPECT_EQ(table_.key_entry(Kind::memory, 0x1234, false), entry);
  EXPECT_EQ(table_.key_entry(Kind::messages, 0x1234, false), nullptr);
  EXPECT_NE(table_.key_entry(Kind::memory, -1, true), entry);
  EXPECT_EQ(table_.key_of(Kind::memory, 2), 0x1234);
  EXPECT_EQ(table_.key_of(Kind::memory, 3), 0);
  EXPECT_EQ(table_.key_of(Kind::semaphores, 2), 0);
}

TEST_F(Objects, AreEnteredByManyAtATime) {
  for (int i = 0; i != 64; ++i) table_.enter(Kind::memory, 32768 * 9 + i, i);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread != 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i != 64; ++i)
        if (const int name = table_.enter(Kind::memory, i + 32768 * 3); table_.kernels(Kind::memory, name) != i + 32768 * 3) ++wrong;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(all(Kind::memory).size(), 64u);
}

}  // namespace
