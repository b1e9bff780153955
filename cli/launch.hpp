// `stasis launch`: starts a coordinator and becomes the program.
//
// World: programs.
#pragma once
#include <string>
#include <vector>

namespace stasis::cli {

struct LaunchOptions {
  std::string store;
  std::string interval;  // as given; empty for none
  std::string keep;      // empty for the coordinator's default
  std::vector<std::string> command;
};

// Returns only on failure, with the exit status, after one line on standard error: the calling process becomes the command, so that
// its exit status, its signals and its terminal are the command's own.
int launch(const LaunchOptions& options);

}  // namespace stasis::cli
