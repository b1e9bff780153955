// Takes the drain markers of one launch out of one stream of srun's output; everything else passes as it came.
//
// Text that may be the beginning of a marker is held back until that is decided. srun writes whole lines unless one is longer than a
// message of Slurm's (1024 bytes), so nobody waits for what is held back.
//
// With --label srun puts "TASK: " in front of each line, and a newline behind a line that it gets in pieces. So the line that a task had only
// begun when it was stopped, and that the marker completed, is kept here and gets its label once, when its rest comes.
//
// Without labels nobody can tell whose line goes on: of a step of several tasks, a line that one has begun is written when the marker comes, and what
// other tasks write may follow it directly.
// World: programs.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/proto/drain_marker.hpp"

namespace stasis::launch_proxy {

class DrainFilter {
 public:
  // Called in the order of the stream.
  struct Sink {
    std::function<void(std::string_view)> text;
    std::function<void(const proto::DrainMarker&)> marker;
  };
  DrainFilter(std::string_view launch, bool labelled, Sink sink) : launch_(launch), labelled_(labelled), sink_(std::move(sink)) {}

  void feed(std::string_view bytes);
  // The stream has ended: what was held back is text.
  void finish();

 private:
  void take_out_markers();
  void take_lines();
  void take_line(std::string_view label, std::string_view text);
  void pass_line(std::string_view label, std::string_view text);
  std::optional<proto::DrainMarker> marker_at_end(std::string_view line, std::size_t& length) const;
  bool ends_within_marker(std::string_view line) const;

  std::string launch_;
  bool labelled_ = false;
  Sink sink_;
  std::string held_;              // not passed on yet; with labels, the beginning of a line
  bool in_foreign_line_ = false;  // with labels: the line has none, srun itself writes it
  struct Begun {
    std::string text;
    bool cut = false;  // by the end of a message of Slurm's, perhaps within a marker; srun has ended the line
  };
  std::map<std::string, Begun, std::less<>> begun_;  // with labels, by label: lines whose rest is still to come
};

}  // namespace stasis::launch_proxy
