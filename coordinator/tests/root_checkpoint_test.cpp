// The root's phases: one order to each node and one report from each, and what every kind of trouble does to all of them.
#include <gtest/gtest.h>

#include "coordinator/root_checkpoint.hpp"

namespace stasis::coordinator {
namespace {

class RecordingNode final : public NodeLink {
 public:
  RecordingNode(std::string name, std::string launch) : shape_{std::move(name), "host", std::move(launch), 1, 0, ""} {}
  void order(const Order& order) override { orders.push_back(order.kind); }
  store::ManifestPart shape() const override { return shape_; }
  std::string name() const override { return "node " + shape_.name; }
  std::vector<OrderKind> orders;

 private:
  store::ManifestPart shape_;
};

const Launch kLaunch{"5f3a9c01", 17, ""};

class RootCheckpointTest : public testing::Test {
 protected:
  RootCheckpoint begin(bool exit_after) { return RootCheckpoint({7, "command", exit_after, true}, {&main_, &step_}); }
  void report(RootCheckpoint& checkpoint, RecordingNode& node, ReportKind kind, std::vector<Launch> launches = {}, std::uint64_t generation = 7) {
    Report report;
    report.kind = kind, report.generation = generation;
    report.launches = std::move(launches);
    if (kind == ReportKind::failed) report.failure = error(ErrorCode::unsupported, "a socket");
    if (kind == ReportKind::drained) report.streams = 2 | 4;
    if (kind == ReportKind::recorded) {
      report.root = &node == &main_ ? 42 : 43;
      report.stopped_us = &node == &main_ ? 100 : 200;
      report.images.push_back({report.root, "/bin/program", "/store/generations/000007/x/1.image", 10, 1, ""});
    }
    checkpoint.take(node, report);
  }
  void see_markers(RootCheckpoint& checkpoint) {
    for (const int stream : {1, 2}) checkpoint.drained("5f3a9c01", drain_nonce(7).view(), 0, stream);
  }
  // Up to where all stand still and record.
  void stop_all(RootCheckpoint& checkpoint) {
    report(checkpoint, main_, ReportKind::looked, {kLaunch});
    report(checkpoint, step_, ReportKind::stopped);
    report(checkpoint, step_, ReportKind::drained);
    see_markers(checkpoint);
    report(checkpoint, main_, ReportKind::stopped, {kLaunch});
  }
  void both(RootCheckpoint& checkpoint, ReportKind kind) {
    report(checkpoint, step_, kind);
    report(checkpoint, main_, kind);
  }
  RecordingNode main_{"main", ""}, step_{"5f3a9c01.0", "5f3a9c01"};
};

TEST_F(RootCheckpointTest, PartsStopBeforeWhatRelaysTheirOutput) {
  RootCheckpoint checkpoint = begin(false);
  EXPECT_EQ(checkpoint.phase(), Phase::look);
  EXPECT_TRUE(step_.orders.empty());
  report(checkpoint, main_, ReportKind::looked, {kLaunch});
  report(checkpoint, step_, ReportKind::stopped);
  report(checkpoint, step_, ReportKind::drained);
  EXPECT_EQ(checkpoint.phase(), Phase::drain) << "the proxy has not seen the markers";
  checkpoint.drained("5f3a9c01", drain_nonce(6).view(), 0, 1);
  checkpoint.drained("5f3a9c01", drain_nonce(7).view(), 0, 1);
  EXPECT_EQ(checkpoint.phase(), Phase::drain);
  EXPECT_EQ(main_.orders, (std::vector<OrderKind>{OrderKind::look})) << "its proxies must be able to go on";
  checkpoint.drained("5f3a9c01", drain_nonce(7).view(), 0, 2);
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce);
}

TEST_F(RootCheckpointTest, AMarkerMayBeSeenBeforeItsNodeSaysSo) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, main_, ReportKind::looked, {kLaunch});
  report(checkpoint, step_, ReportKind::stopped);
  see_markers(checkpoint);
  report(checkpoint, step_, ReportKind::drained);
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce);
}

TEST_F(RootCheckpointTest, EveryPhaseIsABarrier) {
  RootCheckpoint checkpoint = begin(false);
  stop_all(checkpoint);
  report(checkpoint, main_, ReportKind::recorded);
  EXPECT_EQ(checkpoint.phase(), Phase::record) << "the other node has not reported";
  report(checkpoint, step_, ReportKind::recorded);
  both(checkpoint, ReportKind::synced);
  EXPECT_EQ(checkpoint.phase(), Phase::complete);
  EXPECT_EQ(main_.orders, (std::vector<OrderKind>{OrderKind::look, OrderKind::quiesce, OrderKind::record, OrderKind::resume, OrderKind::sync}))
      << "the program runs on before its images are made durable";
  EXPECT_EQ(step_.orders, (std::vector<OrderKind>{OrderKind::quiesce, OrderKind::drain, OrderKind::record, OrderKind::resume, OrderKind::sync}));
  const store::Manifest manifest = checkpoint.manifest();
  EXPECT_EQ(manifest.images.size(), 2u);
  EXPECT_EQ(manifest.root, 42) << "the first process is that of the root's own node";
  EXPECT_EQ(manifest.stopped_us, 200u);
  ASSERT_NE(manifest.part("5f3a9c01.0"), nullptr);
  EXPECT_EQ(manifest.part("5f3a9c01.0")->root, 43);
}

TEST_F(RootCheckpointTest, WithoutLaunchesNobodyLooksForThem) {
  RootCheckpoint checkpoint({7, "command", false, false}, {&main_});
  EXPECT_EQ(main_.orders, (std::vector<OrderKind>{OrderKind::quiesce}));
}

TEST_F(RootCheckpointTest, AStepThatBeginsIsWaitedFor) {
  RootCheckpoint checkpoint({7, "command", false, true}, {&main_});
  report(checkpoint, main_, ReportKind::looked, {kLaunch});
  EXPECT_EQ(checkpoint.phase(), Phase::look) << "its part is not here";
  checkpoint.come(step_);
  report(checkpoint, main_, ReportKind::looked, {kLaunch});
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce_parts);
  EXPECT_EQ(step_.orders, (std::vector<OrderKind>{OrderKind::quiesce}));
}

TEST_F(RootCheckpointTest, AStepThatEndsIsWaitedFor) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, main_, ReportKind::looked, {});
  EXPECT_EQ(checkpoint.phase(), Phase::look) << "its launcher has ended, its part not yet";
  checkpoint.lose(step_);
  report(checkpoint, main_, ReportKind::looked, {});
  EXPECT_EQ(checkpoint.phase(), Phase::quiesce);
}

TEST_F(RootCheckpointTest, AStepThatBeginsOrEndsLaterIsATransientFailure) {
  RootCheckpoint late = begin(false);
  report(late, main_, ReportKind::looked, {kLaunch});
  RecordingNode third("77777777.0", "77777777");
  late.come(third);
  EXPECT_EQ(late.failure().code, ErrorCode::launch_changed);
  RootCheckpoint lost = begin(false);
  stop_all(lost);
  lost.lose(step_);
  EXPECT_EQ(lost.failure().code, ErrorCode::launch_changed);
  EXPECT_EQ(main_.orders.back(), OrderKind::abandon);
  RootCheckpoint changed = begin(false);
  report(changed, main_, ReportKind::looked, {kLaunch});
  report(changed, step_, ReportKind::stopped);
  see_markers(changed);
  report(changed, step_, ReportKind::drained);
  report(changed, main_, ReportKind::stopped, {kLaunch, {"88888888", 18, ""}});
  EXPECT_EQ(changed.failure().code, ErrorCode::launch_changed);
}

TEST_F(RootCheckpointTest, WhatCannotBeFollowedIsNamed) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, main_, ReportKind::looked, {{"5f3a9c01", 17, "--output"}});
  EXPECT_EQ(checkpoint.failure().code, ErrorCode::unsupported);
  EXPECT_NE(checkpoint.failure().detail.view().find("--output"), std::string_view::npos);
  EXPECT_TRUE(step_.orders.empty() || step_.orders == (std::vector<OrderKind>{OrderKind::abandon})) << "nobody was stopped";
}

TEST_F(RootCheckpointTest, WhatShallEndDoesNotRunOn) {
  RootCheckpoint checkpoint = begin(true);
  stop_all(checkpoint);
  both(checkpoint, ReportKind::recorded);
  both(checkpoint, ReportKind::synced);
  EXPECT_EQ(checkpoint.phase(), Phase::complete);
  EXPECT_EQ(main_.orders.back(), OrderKind::sync);
  checkpoint.resume();
  EXPECT_EQ(step_.orders.back(), OrderKind::resume) << "when the batch system refuses";
}

TEST_F(RootCheckpointTest, AFailureInAnyPhaseAbandonsOnAllNodes) {
  for (int reached = 0; reached != 3; ++reached) {
    RootCheckpoint checkpoint = begin(false);
    if (reached > 0) stop_all(checkpoint);
    if (reached > 1) both(checkpoint, ReportKind::recorded);
    report(checkpoint, step_, ReportKind::failed);
    EXPECT_EQ(checkpoint.phase(), Phase::abandoned);
    EXPECT_EQ(checkpoint.failure().code, ErrorCode::unsupported);
    EXPECT_EQ(main_.orders.back(), OrderKind::abandon);
    EXPECT_EQ(step_.orders.back(), OrderKind::abandon);
    report(checkpoint, main_, ReportKind::stopped);
    EXPECT_EQ(checkpoint.phase(), Phase::abandoned) << "what comes later changes nothing";
  }
}

TEST_F(RootCheckpointTest, ReportsOfAnotherGenerationAreOld) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, main_, ReportKind::failed, {}, 6);
  report(checkpoint, main_, ReportKind::looked, {kLaunch}, 6);
  EXPECT_EQ(checkpoint.phase(), Phase::look);
}

TEST_F(RootCheckpointTest, AReportOfAnotherPhaseIsNotTrusted) {
  RootCheckpoint checkpoint = begin(false);
  report(checkpoint, main_, ReportKind::synced);
  EXPECT_EQ(checkpoint.failure().code, ErrorCode::protocol);
}

// The table itself: every phase is reached, every one has an end.
TEST(PhaseTable, LeadsFromLookToComplete) {
  Phase phase = Phase::look;
  for (const PhaseRow& row : kPhases) {
    ASSERT_EQ(row.phase, phase);
    phase = row.next;
  }
  EXPECT_EQ(phase, Phase::complete);
}

}  // namespace
}  // namespace stasis::coordinator
