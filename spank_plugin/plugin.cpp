// The whole C interface of the SPANK plugin: what Slurm looks up by name, and nothing else.
//
// Every callback goes through guarded(), which lets no exception out and always reports success: a fault of ours must never fail a
// job, drain a node or end a daemon (spank(8): a negative value would). What the callbacks do is in submit.cpp (srun, sbatch,
// salloc) and task.cpp (slurmstepd); there is nothing in slurmd and nothing in prolog or epilog.
// World: SPANK.
#include <dlfcn.h>

#include <exception>
#include <memory>

#include "spank_plugin/option_values.hpp"
#include "spank_plugin/options.hpp"
#include "spank_plugin/session.hpp"
#include "spank_plugin/submit.hpp"
#include "spank_plugin/task.hpp"

// Constants have internal linkage in C++ unless declared before. plugin_version is no constant: Slurm accepts a plugin only if it
// names Slurm's own major release, and `adopt_release` below fills that in, so that one build serves them all.
extern "C" {
[[gnu::visibility("default")]] extern const char plugin_name[];
[[gnu::visibility("default")]] extern const char plugin_type[];
[[gnu::visibility("default")]] extern unsigned int plugin_version;
[[gnu::visibility("default")]] extern const unsigned int spank_plugin_version;
const char plugin_name[] = "stasis";
const char plugin_type[] = "spank";
unsigned int plugin_version = SLURM_VERSION_NUMBER;
const unsigned int spank_plugin_version = 1;
}

namespace stasis::spank {
namespace {

// Slurm's releases by number of its library's interface (META of its sources: 38 is 22.05, 39 23.02, 40 23.11, then two a year).
unsigned int release_of_interface(long interface) {
  if (interface == 38) return SLURM_VERSION_NUM(22, 5, 0);
  if (interface == 39) return SLURM_VERSION_NUM(23, 2, 0);
  const long months = 11 + 6 * (interface - 40);  // since January of 2023, counted from zero in 23.11: 11
  return SLURM_VERSION_NUM(static_cast<unsigned>(23 + (months - 1) / 12), static_cast<unsigned>((months - 1) % 12 + 1), 0);
}

// Runs when the plugin is opened, before Slurm reads plugin_version. The part of the interface that we use is the same in every
// release from 22.05 on: the enumerations and structs of spank.h have only been appended to.
[[gnu::constructor]] void adopt_release() {
  using Function = long (*)();
  const auto interface = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, "slurm_api_version"));
  if (interface == nullptr) return;
  const long number = interface() >> 16;
  if (number >= 38 && number < 100) plugin_version = release_of_interface(number);
}

std::unique_ptr<Session>& session() {
  static std::unique_ptr<Session> the_session;
  return the_session;
}

template <class Work>
int guarded(const char* where, Work&& work) noexcept {
  try {
    work();
  } catch (const std::exception& problem) {
    slurm_error("stasis: %s: %s", where, problem.what());
  } catch (...) {
    slurm_error("stasis: %s: unknown failure", where);
  }
  return ESPANK_SUCCESS;
}

bool submits(spank_context_t context) { return context == S_CTX_ALLOCATOR || context == S_CTX_LOCAL; }

void start(spank_t spank, int argc, char** argv) {
  const spank_context_t context = spank_context();
  if (!submits(context) && context != S_CTX_REMOTE) return;
  auto fresh = std::make_unique<Session>();
  if (const auto site = parse_site(argc, argv); site) fresh->site = *site;
  else slurm_error("stasis: %s", site.error().detail.c_str());
  register_options(spank, *fresh);
  session() = std::move(fresh);
  if (context == S_CTX_ALLOCATOR) set_submission_defaults(*session());
  if (context == S_CTX_REMOTE) session()->coordinators.open();
}

}  // namespace
}  // namespace stasis::spank

using namespace stasis::spank;

extern "C" [[gnu::visibility("default")]] int slurm_spank_init(spank_t spank, int argc, char** argv) {
  return guarded("init", [&] { start(spank, argc, argv); });
}

extern "C" [[gnu::visibility("default")]] int slurm_spank_init_post_opt(spank_t, int, char**) {
  return guarded("init_post_opt", [&] {
    if (session() == nullptr) return;
    if (spank_context() == S_CTX_ALLOCATOR) publish_options(*session());
    if (spank_context() == S_CTX_LOCAL) publish_step_options(*session());
  });
}

extern "C" [[gnu::visibility("default")]] int slurm_spank_task_init(spank_t spank, int, char**) {
  return guarded("task_init", [&] {
    if (session() != nullptr) prepare_task(spank, *session());
  });
}

extern "C" [[gnu::visibility("default")]] int slurm_spank_task_exit(spank_t, int, char**) {
  return guarded("task_exit", [&] {
    if (session() != nullptr) session()->coordinators.wait_for_end();
  });
}

extern "C" [[gnu::visibility("default")]] int slurm_spank_exit(spank_t, int, char**) {
  return guarded("exit", [&] { session().reset(); });
}
