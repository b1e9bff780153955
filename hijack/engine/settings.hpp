// What the library was told by the environment when the program started, copied, for the program may change its environment.
//
// World: hijack. Written by the start-up only, read by everybody.
#pragma once
#include <cstdint>

#include "core/base/fixed_string.hpp"

namespace stasis::hijack {

// How the library behaves in this process.
enum class Standing : std::uint8_t {
  inert,    // not part of a computation, or not started up yet: every wrapper is the real function
  dormant,  // part of one, but a program that is never checkpointed (srun, ssh...): likewise
  emulated, // part of one, inside valgrind(1): likewise
  member,
};

struct StdioIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  // 0: was closed
};

struct Settings {
  Standing standing = Standing::inert;
  bool slurm = false;                  // STASIS_BATCH=slurm
  FixedString<48> computation;
  FixedString<255> run_directory;
  FixedString<255> log;
  FixedString<63> fault;
  FixedString<1023> library;           // our own entry of LD_PRELOAD
  FixedString<1023> launch_proxy;      // lies beside it
  StdioIdentity stdio[3];
  bool refuses_outside = false;          // STASIS_OUTSIDE=refuse
  std::uint64_t keep_files = 64u << 20;  // STASIS_KEEP_FILES
};

extern constinit Settings settings;

// "NAME=value" of every STASIS_ variable that a new program must get, one after the other, each ended by NUL; the last by two.
extern constinit FixedString<4095> inherited_variables;

// Reads the environment of a starting program. False if it is not part of a computation.
bool read_settings(const char* const* environment) noexcept;

// Takes new identities of the standard streams, in the form of STASIS_STDIO. Called by the thread that leads a checkpoint.
void read_stdio(std::string_view value) noexcept;

}  // namespace stasis::hijack
