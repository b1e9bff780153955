// Plans: what happens to the address space, without it happening.
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "restart_wrapper/plan.hpp"
#include "restart_wrapper/tests/image_writer.hpp"
#include "restart_wrapper/vdso.hpp"

namespace stasis::restart {
namespace {

constexpr std::uint64_t kPage = image::kPage;

TEST(RangeSet, KeepsRangesApartAndFindsHoles) {
  RangeSet set;
  set.add({0x30000, 0x40000});
  set.add({0x10000, 0x20000});
  set.add({0x20000, 0x21000});
  ASSERT_EQ(set.ranges().size(), 2u);
  EXPECT_EQ(set.ranges()[0], (Range{0x10000, 0x21000}));
  EXPECT_TRUE(set.overlaps({0x3ffff, 0x50000}));
  EXPECT_FALSE(set.overlaps({0x21000, 0x30000}));
  const auto gaps = set.gaps({0x10000, 0x50000});
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0], (Range{0x21000, 0x30000}));
  EXPECT_EQ(gaps[1], (Range{0x40000, 0x50000}));
  EXPECT_EQ(set.find_hole(0x1000, 0x1000, 0x1000, {0x10000, 0x50000}), (Range{0x4e000, 0x4f000}));
  EXPECT_EQ(set.find_hole(0x100000, 0x1000, 0, {0x10000, 0x50000}).length(), 0u);
}

class PlanTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-plan-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    input_.vdso = *live_vdso();
    input_.parking = {0x200000000000, 0x200000100000};
    input_.vdso_refuge = {0x210000000000, 0x210000100000};
    input_.status_fd = 90, input_.image_fd = 91;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  Result<Plan> plan() {
    writer_.write(directory_ + "/image");
    image_ = std::move(*image::Image::open(directory_ + "/image"));
    input_.image = &image_;
    return build_plan(input_);
  }
  void add_mapping(std::uint64_t start, std::uint64_t end, unsigned protection, image::MappingKind kind = image::MappingKind::anonymous) {
    image::MappingRecord mapping;
    mapping.start = start, mapping.end = end, mapping.protection = protection, mapping.kind = kind, mapping.path = "/lib/file";
    writer_.mappings.push_back(mapping);
  }
  static const Op* find(const Plan& plan, OpKind kind, std::uint64_t address) {
    const auto found = std::find_if(plan.ops.begin(), plan.ops.end(), [&](const Op& op) { return op.kind == kind && op.address == address; });
    return found == plan.ops.end() ? nullptr : &*found;
  }
  std::string directory_;
  image::ImageWriter writer_;
  image::Image image_;
  PlanInput input_;
};

TEST_F(PlanTest, ClearsEverythingButWhatIsKept) {
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok());
  RangeSet unmapped;
  for (const Op& op : result->ops)
    if (op.kind == OpKind::unmap) unmapped.add({op.address, op.address + op.length});
  EXPECT_FALSE(unmapped.overlaps(input_.parking));
  EXPECT_FALSE(unmapped.overlaps(input_.vdso.block));
  RangeSet all = unmapped;
  all.add(input_.parking);
  all.add(input_.vdso.block);
  EXPECT_TRUE(all.gaps(kUserSpace).empty());
  EXPECT_EQ(result->ops.back().kind, OpKind::jump);
}

TEST_F(PlanTest, ReadOnlyMemoryWithContentIsMadeWritableOnlyForFilling) {
  add_mapping(0x400000, 0x402000, PROT_READ | PROT_EXEC, image::MappingKind::file_private);
  writer_.add_memory(0x401000, "relocated");
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok());
  const Op* map = find(*result, OpKind::map_file, 0x400000);
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(map->protection, static_cast<unsigned>(PROT_READ | PROT_WRITE | PROT_EXEC));
  EXPECT_STREQ(result->data.data() + map->data, "/lib/file");
  const Op* protect = find(*result, OpKind::protect, 0x400000);
  ASSERT_NE(protect, nullptr);
  EXPECT_EQ(protect->protection, static_cast<unsigned>(PROT_READ | PROT_EXEC));
  EXPECT_EQ(result->runs.size(), 1u);
}

TEST_F(PlanTest, DenseMemoryIsFilledInHugePagesSparseIsNot) {
  add_mapping(0x40000000, 0x40400000, PROT_READ | PROT_WRITE);
  add_mapping(0x50000000, 0x60000000, PROT_READ | PROT_WRITE);
  writer_.add_memory(0x40000000, std::string(4u << 20, 'd'));
  writer_.add_memory(0x50000000, "sparse");
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok());
  EXPECT_NE(find(*result, OpKind::advise, 0x40000000), nullptr);
  EXPECT_EQ(find(*result, OpKind::advise, 0x50000000), nullptr);
}

TEST_F(PlanTest, ARunOutsideAllMappingsIsDamage) {
  add_mapping(0x400000, 0x402000, PROT_READ);
  writer_.add_memory(0x500000, "lost");
  EXPECT_EQ(plan().error().code, ErrorCode::image_damaged);
}

TEST_F(PlanTest, TheSameVdsoIsMovedToItsOldPlace) {
  writer_.process.vvar_start = 0x7f0000000000;
  writer_.process.vdso_start = 0x7f0000000000 + (input_.vdso.text.start - input_.vdso.block.start);
  writer_.process.vdso_end = writer_.process.vdso_start + input_.vdso.text.length();
  writer_.process.vdso = input_.vdso.bytes;
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->moves_vdso);
  const Op* move = find(*result, OpKind::move, input_.vdso.text.start);
  ASSERT_NE(move, nullptr);
  EXPECT_EQ(move->target, writer_.process.vdso_start);
}

TEST_F(PlanTest, ASealedVdsoStaysAndTheOldOneLeadsThere) {
  input_.vdso.is_sealed = true;
  writer_.process.vvar_start = 0x7f0000000000;
  writer_.process.vdso_start = 0x7f0000000000 + (input_.vdso.text.start - input_.vdso.block.start);
  writer_.process.vdso_end = writer_.process.vdso_start + input_.vdso.text.length();
  writer_.process.vdso = input_.vdso.bytes;
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok()) << result.error().detail.c_str();
  EXPECT_FALSE(result->moves_vdso);
  EXPECT_EQ(find(*result, OpKind::move, input_.vdso.text.start), nullptr);
  EXPECT_NE(find(*result, OpKind::copy, writer_.process.vdso_start), nullptr);
}

TEST_F(PlanTest, ASealedVdsoInTheWayIsSaid) {
  input_.vdso.is_sealed = true;
  writer_.process.vdso_start = 0x7f0000004000, writer_.process.vdso_end = 0x7f0000005000;
  writer_.process.vdso = std::string(kPage, '\0');
  add_mapping(input_.vdso.block.start, input_.vdso.block.end, PROT_READ);
  EXPECT_EQ(plan().error().code, ErrorCode::restore_failed);
}

TEST_F(PlanTest, AnotherVdsoIsPutBackAndRedirected) {
  std::string other = input_.vdso.bytes;
  other.append(kPage, '\0');  // another kernel's is longer
  writer_.process.vvar_start = 0x7f0000000000;
  writer_.process.vdso_start = 0x7f0000004000;
  writer_.process.vdso_end = writer_.process.vdso_start + other.size();
  writer_.process.vdso = other;
  const Result<Plan> result = plan();
  ASSERT_TRUE(result.ok()) << result.error().detail.c_str();
  EXPECT_FALSE(result->moves_vdso);
  EXPECT_NE(find(*result, OpKind::copy, 0x7f0000004000), nullptr);
  EXPECT_EQ(find(*result, OpKind::move, input_.vdso.text.start), nullptr);
}

TEST(Vdso, RedirectedFunctionsRunTheLiveOnes) {
  const LiveVdso live = *live_vdso();
  if (live.bytes.empty()) GTEST_SKIP() << "this kernel maps no vdso";
  const Result<std::string> text = redirected_vdso(live.bytes, live.bytes, live.text.start);
  ASSERT_TRUE(text.ok()) << text.error().detail.c_str();
  ASSERT_EQ(text->size(), live.bytes.size());
  // Run the redirected copy: find where it differs, which is at the functions; each must jump into the live text.
  std::size_t jumps = 0;
  for (std::size_t i = 0; i + 12 <= text->size(); ++i) {
    if (std::memcmp(text->data() + i, "\x48\xb8", 2) != 0 || std::memcmp(text->data() + i + 10, "\xff\xe0", 2) != 0) continue;
    std::uint64_t target = 0;
    std::memcpy(&target, text->data() + i + 2, sizeof target);
    EXPECT_EQ(target, live.text.start + i);
    ++jumps;
  }
  EXPECT_GE(jumps, 4u);  // clock_gettime, gettimeofday, time, getcpu
  EXPECT_EQ(redirected_vdso("no elf", live.bytes, live.text.start).error().code, ErrorCode::restore_failed);
}

}  // namespace
}  // namespace stasis::restart
