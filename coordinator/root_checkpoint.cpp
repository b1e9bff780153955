// See root_checkpoint.hpp.
// World: programs.
#include "coordinator/root_checkpoint.hpp"

#include <algorithm>

namespace stasis::coordinator {
namespace {

const PhaseRow* row_of(Phase phase) {
  const auto* const found = std::find_if(std::begin(kPhases), std::end(kPhases), [phase](const PhaseRow& row) { return row.phase == phase; });
  return found == std::end(kPhases) ? nullptr : found;
}

}  // namespace

RootCheckpoint::RootCheckpoint(const Wish& wish, const std::vector<NodeLink*>& nodes) : wish_(wish) {
  for (NodeLink* node : nodes) parts_.push_back({node, false, {}});
  enter(kPhases[0].phase);
}

std::vector<RootCheckpoint::Part>::iterator RootCheckpoint::find(const NodeLink& node) {
  return std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.node == &node; });
}

void RootCheckpoint::order_all(OrderKind kind) {
  Order order;
  order.kind = kind;
  order.generation = wish_.generation;
  order.exit_after = wish_.exit_after;
  for (const Part& part : parts_) part.node->order(order);
}

void RootCheckpoint::enter(Phase phase) {
  phase_ = phase;
  const PhaseRow* row = row_of(phase);
  deadline_ = row == nullptr || row->limit.count() == 0 ? Clock::time_point::max() : Clock::now() + row->limit;
  if (row == nullptr) return;
  for (Part& part : parts_) part.reported = false;
  if (row->resumes && !wish_.exit_after) order_all(OrderKind::resume);
  order_all(row->order);
}

void RootCheckpoint::take(NodeLink& node, const Report& report) {
  const auto part = find(node);
  if (is_over() || part == parts_.end() || report.generation != wish_.generation) return;
  if (report.kind == ReportKind::failed) return abandon(report.failure);
  const PhaseRow& row = *row_of(phase_);
  if (report.kind != row.awaited) return abandon(error(ErrorCode::protocol, node.name()).with("an unexpected report"));
  if (report.kind == ReportKind::recorded) part->recorded = report;
  part->reported = true;
  if (std::all_of(parts_.begin(), parts_.end(), [](const Part& one) { return one.reported; })) enter(row.next);
}

void RootCheckpoint::lose(NodeLink& node) {
  const auto part = find(node);
  if (part == parts_.end()) return;
  parts_.erase(part);
  if (!is_over()) abandon(error(ErrorCode::member_lost, node.name()));
}

void RootCheckpoint::come(const NodeLink& node) {
  if (!is_over()) abandon(error(ErrorCode::abandoned, node.name()).with("a part of the computation started meanwhile"));
}

void RootCheckpoint::check_time() {
  if (is_over() || Clock::now() < deadline_) return;
  const auto late = std::find_if(parts_.begin(), parts_.end(), [](const Part& part) { return !part.reported; });
  abandon(error(ErrorCode::hung, late->node->name()).with(std::string("it has not ") + row_of(phase_)->undone));
}

void RootCheckpoint::abandon(const Error& failure) {
  if (phase_ == Phase::abandoned) return;
  failure_ = failure;
  phase_ = Phase::abandoned;
  order_all(OrderKind::abandon);
}

void RootCheckpoint::resume() { order_all(OrderKind::resume); }

store::Manifest RootCheckpoint::manifest() const {
  store::Manifest manifest;
  manifest.generation = wish_.generation;
  manifest.reason = wish_.reason;
  for (const Part& part : parts_) {
    if (part.node == parts_.front().node) manifest.root = part.recorded.root;
    store::ManifestPart shape = part.node->shape();
    shape.root = part.recorded.root;
    manifest.parts.push_back(shape);
    manifest.stopped_us = std::max(manifest.stopped_us, part.recorded.stopped_us);
    manifest.images.insert(manifest.images.end(), part.recorded.images.begin(), part.recorded.images.end());
  }
  return manifest;
}

}  // namespace stasis::coordinator
