// The id table: who is whom, to the program and to the kernel.
// World: programs.
#include "core/registry/id_table.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace {

using namespace stasis;

class Ids : public testing::Test {
 protected:
  void SetUp() override {
    base_ = ::mmap(nullptr, kIdTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(base_, MAP_FAILED);
    table_ = IdTable(base_);
  }
  void TearDown() override { ::munmap(base_, kIdTableBytes); }
  void* base_ = nullptr;
  IdTable table_;
};

TEST_F(Ids, AreTheSameForWhoIsNotEntered) {
  EXPECT_EQ(table_.kernels(100), 100);
  EXPECT_EQ(table_.programs(100), 100);
  EXPECT_EQ(IdTable().kernels(100), 100);
  EXPECT_EQ(IdTable().programs(100), 100);
}

TEST_F(Ids, AreFoundBothWays) {
  ASSERT_TRUE(table_.enter(100, 5000, 1234));
  EXPECT_EQ(table_.kernels(100), 5000);
  EXPECT_EQ(table_.programs(5000), 100);
  EXPECT_EQ(table_.made_ms(5000), 1234u);
}

TEST_F(Ids, NameNobodyTwice) {
  ASSERT_TRUE(table_.enter(100, 5000, 1));
  EXPECT_EQ(table_.kernels(5000), kNobody);  // the program has never heard of 5000
  EXPECT_EQ(table_.programs(100), 0);        // the kernel's 100 needs another name
  EXPECT_FALSE(table_.is_free(100));
  EXPECT_FALSE(table_.is_free(5000));
  EXPECT_FALSE(table_.enter(100, 6000, 2));
  EXPECT_FALSE(table_.enter(200, 5000, 2));
  EXPECT_EQ(table_.kernels(200), 200);  // what did not come about has left nothing behind
}

TEST_F(Ids, MayChangePlaces) {
  ASSERT_TRUE(table_.enter(100, 200, 1));
  ASSERT_TRUE(table_.enter(200, 100, 1));
  EXPECT_EQ(table_.kernels(100), 200);
  EXPECT_EQ(table_.kernels(200), 100);
  EXPECT_EQ(table_.programs(100), 200);
}

TEST_F(Ids, AreForgotten) {
  ASSERT_TRUE(table_.enter(100, 5000, 1));
  table_.drop(5000);
  EXPECT_EQ(table_.kernels(100), 100);
  EXPECT_EQ(table_.programs(5000), 5000);
  EXPECT_EQ(table_.made_ms(5000), 0u);
}

TEST_F(Ids, AreLentOneWay) {
  ASSERT_TRUE(table_.enter(100, 5000, 1));
  table_.lend(100, 6000, 2);
  EXPECT_EQ(table_.programs(6000), 100);
  EXPECT_EQ(table_.kernels(100), 5000);
  table_.drop(6000);
  EXPECT_EQ(table_.kernels(100), 5000);
  EXPECT_EQ(table_.programs(6000), 6000);
}

TEST_F(Ids, OutOfRangeStay) {
  EXPECT_EQ(table_.kernels(0), 0);
  EXPECT_EQ(table_.programs(kMostIds), kMostIds);
  EXPECT_EQ(table_.kernels(kNobody), kNobody);
  EXPECT_FALSE(table_.enter(0, 5, 1));
  EXPECT_FALSE(table_.enter(5, kMostIds, 1));
  EXPECT_FALSE(table_.is_free(0));
}

TEST_F(Ids, TellWhatIsOutside) {
  table_.lend(kOutside, 41, 1);
  EXPECT_EQ(table_.programs(41), kOutside);
  EXPECT_EQ(table_.kernels(41), kNobody);  // the program cannot name it
}

}  // namespace
