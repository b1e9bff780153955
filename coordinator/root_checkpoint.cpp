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

constexpr std::chrono::milliseconds kLookAgain{20};  // the end of a launcher is no event that could be waited for

Error launch_changed(std::string_view what) { return error(ErrorCode::launch_changed, what); }

}  // namespace

RootCheckpoint::RootCheckpoint(const Wish& wish, const std::vector<NodeLink*>& nodes) : wish_(wish) {
  for (NodeLink* node : nodes) parts_.push_back({node, false, {}});
  enter(wish.has_launches ? Phase::look : Phase::quiesce);
}

std::vector<RootCheckpoint::Part>::iterator RootCheckpoint::find(const NodeLink& node) {
  return std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.node == &node; });
}

bool RootCheckpoint::concerns(Who who, const NodeLink& node) const {
  return who == Who::all || (who == Who::own) == (&node == parts_.front().node);
}

void RootCheckpoint::order(Who who, OrderKind kind) {
  Order order;
  order.kind = kind;
  order.generation = wish_.generation;
  order.exit_after = wish_.exit_after;
  for (const Part& part : parts_)
    if (concerns(who, *part.node)) part.node->order(order);
}

void RootCheckpoint::enter(Phase phase) {
  phase_ = phase;
  const PhaseRow* row = row_of(phase);
  deadline_ = row == nullptr || row->limit.count() == 0 ? Clock::time_point::max() : Clock::now() + row->limit;
  next_look_ = Clock::time_point::max();
  if (row == nullptr) return;
  for (Part& part : parts_) part.reported = !concerns(row->who, *part.node);
  if (row->resumes && !wish_.exit_after) order(Who::all, OrderKind::resume);
  order(row->who, row->order);
  go_on();
}

void RootCheckpoint::go_on() {
  if (is_over() || !std::all_of(parts_.begin(), parts_.end(), [](const Part& one) { return one.reported; })) return;
  if (phase_ == Phase::drain && !awaited_.empty()) return;
  enter(row_of(phase_)->next);
}

void RootCheckpoint::take(NodeLink& node, const Report& report) {
  const auto part = find(node);
  if (is_over() || part == parts_.end() || report.generation != wish_.generation) return;
  if (report.kind == ReportKind::failed) return abandon(part == parts_.begin() ? report.failure : report.failure.with(node.name()));
  const PhaseRow& row = *row_of(phase_);
  if (report.kind != row.awaited || part->reported) return abandon(error(ErrorCode::protocol, node.name()).with("an unexpected report"));
  if (phase_ == Phase::look) return compare_launches(report);
  if (phase_ == Phase::quiesce && wish_.has_launches && report.launches != launches_) return abandon(launch_changed("while the processes were being stopped"));
  if (phase_ == Phase::drain) {
    const store::ManifestPart shape = node.shape();
    const std::uint32_t task = task_of(shape.name);
    for (const int stream : {1, 2})
      if ((report.streams & (1u << stream)) != 0 && !seen_.contains({shape.launch, task, stream})) awaited_.insert({shape.launch, task, stream});
  }
  if (report.kind == ReportKind::recorded) part->recorded = report;
  part->reported = true;
  go_on();
}

// All launchers must have their parts, and all parts their launchers.
void RootCheckpoint::compare_launches(const Report& report) {
  launches_ = report.launches;
  for (const Launch& launch : launches_) {
    if (launch.undrained.empty()) continue;
    return abandon(error(ErrorCode::unsupported, launch.undrained).with("process " + std::to_string(launch.proxy) + " srun, what it relays cannot be followed"));
  }
  bool whole = true;
  for (const Launch& launch : launches_) {
    std::uint32_t there = 0, wanted = 1;
    for (const Part& part : parts_) {
      const store::ManifestPart shape = part.node->shape();
      if (shape.launch == launch.id) ++there, wanted = shape.parts;
    }
    whole = whole && there == wanted;
  }
  for (const Part& part : parts_) {
    const std::string id = part.node->shape().launch;
    whole = whole && (id.empty() || std::any_of(launches_.begin(), launches_.end(), [&](const Launch& launch) { return launch.id == id; }));
  }
  if (!whole) {
    next_look_ = Clock::now() + kLookAgain;
    return;
  }
  parts_.front().reported = true;
  go_on();
}

void RootCheckpoint::look_again() {
  next_look_ = Clock::time_point::max();
  order(Who::own, OrderKind::look);
}

void RootCheckpoint::drained(std::string_view launch, std::string_view nonce, std::uint32_t task, int stream) {
  if (phase_ != Phase::drain || nonce != drain_nonce(wish_.generation).view()) return;
  const std::tuple one{std::string(launch), task, stream};
  seen_.insert(one);
  awaited_.erase(one);
  go_on();
}

void RootCheckpoint::lose(NodeLink& node) {
  const auto part = find(node);
  if (part == parts_.end()) return;
  const std::string name = node.name();
  const bool is_part = !part->node->shape().launch.empty();
  parts_.erase(part);
  if (is_over() || phase_ == Phase::look) return;  // the next look shows whether its launcher has ended with it
  abandon(is_part ? launch_changed(name) : error(ErrorCode::member_lost, name));
}

void RootCheckpoint::come(NodeLink& node) {
  if (is_over()) return;
  if (phase_ != Phase::look) return abandon(launch_changed(node.name()));
  parts_.push_back({&node, true, {}});
}

void RootCheckpoint::check_time() {
  if (is_over()) return;
  if (Clock::now() >= next_look_ && Clock::now() < deadline_) return look_again();
  if (Clock::now() < deadline_) return;
  if (phase_ == Phase::look && !launches_.empty())
    return abandon(error(ErrorCode::hung, "process " + std::to_string(launches_.front().proxy) + " srun").with("a step of it has not begun or ended, or runs without checkpoints"));
  if (phase_ == Phase::drain && !awaited_.empty())
    return abandon(error(ErrorCode::hung, "launch " + std::get<0>(*awaited_.begin())).with("its output does not come through srun"));
  const auto late = std::find_if(parts_.begin(), parts_.end(), [](const Part& part) { return !part.reported; });
  const std::string name = late == parts_.end() ? "the root" : late->node->name();
  abandon(error(ErrorCode::hung, name).with(std::string("it has not ") + row_of(phase_)->undone));
}

void RootCheckpoint::abandon(const Error& failure) {
  if (phase_ == Phase::abandoned) return;
  failure_ = failure;
  phase_ = Phase::abandoned;
  order(Who::all, OrderKind::abandon);
}

void RootCheckpoint::resume() { order(Who::all, OrderKind::resume); }

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
