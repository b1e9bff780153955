// See drain_filter.hpp.
// World: programs.
#include "launch_proxy/drain_filter.hpp"

#include <utility>

namespace stasis::launch_proxy {
namespace {

using proto::DrainMarker;
using proto::MarkerMatch;

constexpr std::size_t kSlurmMessage = 1024;              // what slurmstepd sends at a time at most (MAX_MSG_LEN)
constexpr std::size_t kLongestLine = 2 * kSlurmMessage;  // more than a label, a message and a newline

enum class LabelMatch { none, begun, whole };

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// srun's labels: "3: ", "12: ", " 3: " where others have more digits, and in steps of several components "P1 3: ".
LabelMatch match_label(std::string_view line, std::size_t& length) {
  std::size_t at = 0;
  const auto skip = [&](auto&& accepted) {
    const std::size_t start = at;
    while (at != line.size() && accepted(line[at])) ++at;
    return at != start;
  };
  if (!line.empty() && line.front() == 'P') {
    ++at;
    if (!skip(is_digit) && at != line.size()) return LabelMatch::none;
  }
  skip([](char c) { return c == ' '; });
  if (!skip(is_digit) && at != line.size()) return LabelMatch::none;
  for (const char wanted : {':', ' '}) {
    if (at == line.size()) return LabelMatch::begun;
    if (line[at++] != wanted) return LabelMatch::none;
  }
  length = at;
  return LabelMatch::whole;
}

}  // namespace

void DrainFilter::feed(std::string_view bytes) {
  held_.append(bytes);
  if (labelled_)
    take_lines();
  else
    take_out_markers();
}

void DrainFilter::finish() {
  for (const auto& [label, begun] : std::exchange(begun_, {})) pass_line(label, begun.text + "\n");
  if (!held_.empty()) sink_.text(std::exchange(held_, {}));
}

void DrainFilter::take_out_markers() {
  std::size_t passed = 0, at = 0;
  const auto pass = [&](std::size_t end) {
    if (end != passed) sink_.text(std::string_view(held_).substr(passed, end - passed));
    passed = end;
  };
  while ((at = held_.find(DrainMarker::kFirst, at)) != std::string::npos) {
    DrainMarker marker;
    std::size_t length = 0;
    const MarkerMatch match = proto::match_drain_marker(std::string_view(held_).substr(at), launch_, marker, length);
    if (match == MarkerMatch::begun) break;
    if (match == MarkerMatch::none) {
      ++at;
      continue;
    }
    pass(at);
    sink_.marker(marker);
    passed = at += length;
  }
  pass(at == std::string::npos ? held_.size() : at);
  held_.erase(0, passed);
}

void DrainFilter::take_lines() {
  std::string_view rest = held_;
  while (!rest.empty()) {
    const std::size_t newline = rest.find('\n');
    const bool ended = newline != std::string_view::npos;
    const std::string_view line = rest.substr(0, ended ? newline + 1 : newline);
    std::size_t label = 0;
    const LabelMatch match = in_foreign_line_ ? LabelMatch::none : match_label(line, label);
    if (match != LabelMatch::none && !ended && line.size() < kLongestLine) break;  // its end comes at once
    if (match == LabelMatch::whole && ended) {
      take_line(line.substr(0, label), line.substr(label));
    } else {
      in_foreign_line_ = !ended;
      sink_.text(line);
    }
    rest.remove_prefix(line.size());
  }
  held_.erase(0, held_.size() - rest.size());
}

// `text` ends with the newline.
void DrainFilter::take_line(std::string_view label, std::string_view text) {
  Begun before;
  if (const auto found = begun_.find(label); found != begun_.end()) before = std::move(begun_.extract(found).mapped());
  std::string line = before.text + std::string(text);
  std::size_t length = 0;
  if (const auto marker = marker_at_end(line, length)) {
    line.resize(line.size() - length);
    if (!line.empty()) begun_[std::string(label)] = {line, false};
    return sink_.marker(*marker);
  }
  if (before.cut) {
    pass_line(label, before.text + "\n");
    line = text;
  }
  if (text.size() == kSlurmMessage + 1 && ends_within_marker(line)) {
    line.pop_back();
    begun_[std::string(label)] = {line, true};
    return;
  }
  pass_line(label, line);
}

void DrainFilter::pass_line(std::string_view label, std::string_view text) { sink_.text(std::string(label).append(text)); }

std::optional<DrainMarker> DrainFilter::marker_at_end(std::string_view line, std::size_t& length) const {
  const std::size_t at = line.rfind(DrainMarker::kFirst);
  DrainMarker marker;
  if (at == std::string_view::npos || proto::match_drain_marker(line.substr(at), launch_, marker, length) != MarkerMatch::whole) return {};
  return at + length == line.size() ? std::optional(marker) : std::nullopt;
}

bool DrainFilter::ends_within_marker(std::string_view line) const {
  line.remove_suffix(1);
  const std::size_t at = line.rfind(DrainMarker::kFirst);
  DrainMarker marker;
  std::size_t length = 0;
  return at != std::string_view::npos && proto::match_drain_marker(line.substr(at), launch_, marker, length) == MarkerMatch::begun;
}

}  // namespace stasis::launch_proxy
