// The member table: a slot counts only for the process that wrote it, not for a later one with the same id.
// World: programs.
#include "core/registry/member_table.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace {

using namespace stasis;

class Table : public testing::Test {
 protected:
  void SetUp() override {
    base_ = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(base_, MAP_FAILED);
    table_ = MemberTable(base_);
  }
  void TearDown() override { ::munmap(base_, kMemberTableBytes); }
  void* base_ = nullptr;
  MemberTable table_;
};

TEST_F(Table, TellsStatesApart) {
  EXPECT_EQ(table_.read(100, 0), MemberState::none);
  for (const MemberState state : {MemberState::running, MemberState::exec, MemberState::dormant}) {
    table_.write(100, state, 5'000'000);
    EXPECT_EQ(table_.read(100, 4'990'000), state);
  }
  EXPECT_EQ(table_.read(101, 0), MemberState::none);
}

TEST_F(Table, ForgetsTheProcessThatHadTheIdBefore) {
  table_.write(100, MemberState::running, 5'000'000);
  EXPECT_EQ(table_.read(100, 5'000'001), MemberState::none);
}

TEST_F(Table, IgnoresIdsOutOfRange) {
  table_.write(-1, MemberState::running, 1);
  table_.write(0, MemberState::running, 1);
  table_.write(static_cast<std::int32_t>(kMemberSlots), MemberState::running, 1);
  EXPECT_EQ(table_.read(-1, 0), MemberState::none);
  EXPECT_EQ(table_.read(static_cast<std::int32_t>(kMemberSlots), 0), MemberState::none);
  EXPECT_EQ(MemberTable().read(100, 0), MemberState::none);
}

TEST_F(Table, KeepsTheOffsetsOfClocks) {
  EXPECT_EQ(table_.clock_offsets().monotonic_ns, 0);
  table_.set_clock_offsets({-5, 7});
  table_.write(static_cast<std::int32_t>(kMemberSlots) - 1, MemberState::running, 1);
  EXPECT_EQ(table_.clock_offsets().monotonic_ns, -5);
  EXPECT_EQ(table_.clock_offsets().boottime_ns, 7);
}

}  // namespace
