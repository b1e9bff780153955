// Launchers: when a member in a job of Slurm executes srun, the launch proxy takes its place.
//
// srun cannot be imaged; the proxy (launch_proxy/proxy.hpp) can, and runs srun outside of the computation. A program is srun if the file that will be
// executed, links followed, is called so. Where anything about that is doubtful the exec is left alone: then srun is dormant, as elsewhere.
// World: hijack, any thread, also between vfork and exec: no allocation but on the caller's stack.
#pragma once
#include <cstddef>

#include "core/base/fixed_string.hpp"

namespace stasis::hijack {

class Launcher {
 public:
  // Each is true if that file is srun, and the proxy is there.
  bool look_at(const char* path) noexcept;
  bool look_at(int directory, const char* path) noexcept;  // as in execveat(2), an empty path names the directory's descriptor itself
  bool look_for(const char* file) noexcept;                // as execvp(3) finds it

  const char* proxy() const noexcept;
  static std::size_t arguments_size(char* const* argv) noexcept;
  // The proxy's argv, in `place`: its name, the path of srun, srun's argv.
  char* const* arguments(char* const* argv, void* place) const noexcept;

 private:
  FixedString<4095> path_;
};

}  // namespace stasis::hijack

// The proxy's argv, alive as long as the calling function's frame.
#define STASIS_PROXY_ARGUMENTS(launcher, argv) \
  (launcher).arguments(argv, __builtin_alloca(::stasis::hijack::Launcher::arguments_size(argv)))
