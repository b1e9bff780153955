// The root's phases: one order to each node and one report from each, and what every kind of trouble does to all of them.
#include <gtest/gtest.h>

#include "coordinator/root_checkpoint.hpp"

namespace stasis::coordinator {
namespace {

class RecordingNode final : public NodeLink {
 public:
  explicit RecordingNode(std::string name) : name_(std::move(name)) {}
  void order(const Order& order) override { orders.push_back(order.kind); }
  store::ManifestPart shape() const override { return {name_, "host", "", 1, 0}; }
  std::string name() const override { return name_; }
  std::vector<OrderKind> orders;

 private:
  std::string name_;
};

class RootCheckpointTest : public testing::Test {
 protected:
  RootCheckpoint begin(bool exit_after) { return RootCheckpoint({7, "command", exit_after}, {&first_, &second_}); }
  void report(RootCheckpoint& checkpoint, RecordingNode& node, ReportKind kind, std::uint64_t generation = 7) {
    Report report;
    report.kind = kind, report.generation = generation;
    if (kind == ReportKind::failed) report.failure = error(ErrorCode::unsupported, "a socket");
    if (kind == ReportKind::recorded) {
      report.root = &node == &first_ ? 42 : 43;
      report.stopped_us = &node == &first_ ? 100 : 200;
      report.images.push_back({report.root, "/bin/program", "/store/generations/000007/x/1.image", 10, 1, ""});
    }
    checkpoint.take(node, report);
  }
  void both(RootCheckpoint& checkpoint, ReportKind kind) {
    report(checkpoint, second_, kind);
    report(checkpoint, first_, kind);
  }
  RecordingNode first_{"node a"}, second_{"node b"};
};

TEST_F(RootCheckpointTest, EveryPhaseIsABarrier) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, first_, ReportKind::stopped);
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce) << "the other node has not reported";
  EXPECT_EQ(first_.orders, (std::vector<OrderKind>{OrderKind::quiesce}));
  report(checkpoint, second_, ReportKind::stopped);
  both(checkpoint, ReportKind::recorded);
  both(checkpoint, ReportKind::synced);
  EXPECT_EQ(checkpoint.phase(), Phase::complete);
  const std::vector<OrderKind> all{OrderKind::quiesce, OrderKind::record, OrderKind::resume, OrderKind::sync};
  EXPECT_EQ(first_.orders, all) << "the program runs on before its images are made durable";
  EXPECT_EQ(second_.orders, all);
  const store::Manifest manifest = checkpoint.manifest();
  EXPECT_EQ(manifest.images.size(), 2u);
  EXPECT_EQ(manifest.root, 42) << "the first process is that of the root's own node";
  EXPECT_EQ(manifest.stopped_us, 200u);
  ASSERT_NE(manifest.part("node b"), nullptr);
  EXPECT_EQ(manifest.part("node b")->root, 43);
}

TEST_F(RootCheckpointTest, WhatShallEndDoesNotRunOn) {
  RootCheckpoint checkpoint = begin(true);
  both(checkpoint, ReportKind::stopped);
  both(checkpoint, ReportKind::recorded);
  both(checkpoint, ReportKind::synced);
  EXPECT_EQ(first_.orders, (std::vector<OrderKind>{OrderKind::quiesce, OrderKind::record, OrderKind::sync}));
  checkpoint.resume();
  EXPECT_EQ(second_.orders.back(), OrderKind::resume) << "when the batch system refuses";
}

TEST_F(RootCheckpointTest, AFailureInAnyPhaseAbandonsOnAllNodes) {
  for (const std::vector<ReportKind>& before : {std::vector<ReportKind>{}, {ReportKind::stopped}, {ReportKind::stopped, ReportKind::recorded}}) {
    RootCheckpoint checkpoint = begin(false);
    for (const ReportKind kind : before) both(checkpoint, kind);
    report(checkpoint, second_, ReportKind::failed);
    EXPECT_EQ(checkpoint.phase(), Phase::abandoned);
    EXPECT_EQ(checkpoint.failure().code, ErrorCode::unsupported);
    EXPECT_EQ(first_.orders.back(), OrderKind::abandon);
    EXPECT_EQ(second_.orders.back(), OrderKind::abandon);
    report(checkpoint, first_, ReportKind::stopped);
    EXPECT_EQ(checkpoint.phase(), Phase::abandoned) << "what comes later changes nothing";
  }
}

TEST_F(RootCheckpointTest, ALostNodeAbandonsOnTheOthers) {
  RootCheckpoint checkpoint = begin(false);
  both(checkpoint, ReportKind::stopped);
  checkpoint.lose(second_);
  EXPECT_EQ(checkpoint.phase(), Phase::abandoned);
  EXPECT_EQ(checkpoint.failure().detail.view(), "node b");
  EXPECT_EQ(first_.orders.back(), OrderKind::abandon);
  EXPECT_EQ(second_.orders.back(), OrderKind::record) << "nobody is there to be told";
}

TEST_F(RootCheckpointTest, APartThatComesMeanwhileAbandons) {
  RootCheckpoint checkpoint = begin(false);
  checkpoint.come(RecordingNode("node c"));
  EXPECT_EQ(checkpoint.phase(), Phase::abandoned);
}

TEST_F(RootCheckpointTest, ReportsOfAnotherGenerationAreOld) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, first_, ReportKind::failed, 6);
  report(checkpoint, first_, ReportKind::stopped, 6);
  report(checkpoint, second_, ReportKind::stopped);
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce);
}

TEST_F(RootCheckpointTest, AReportOfAnotherPhaseIsNotTrusted) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, first_, ReportKind::synced);
  EXPECT_EQ(checkpoint.failure().code, ErrorCode::protocol);
}

// The table itself: every phase is reached, every one has an end.
TEST(PhaseTable, LeadsFromQuiesceToComplete) {
  Phase phase = Phase::quiesce;
  for (const PhaseRow& row : kPhases) {
    ASSERT_EQ(row.phase, phase);
    phase = row.next;
  }
  EXPECT_EQ(phase, Phase::complete);
}

}  // namespace
}  // namespace stasis::coordinator
