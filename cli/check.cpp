// See check.hpp.
// World: programs.
#include "cli/check.hpp"

#include <cstdio>

#include "core/base/sentence.hpp"
#include "core/program_file.hpp"
#include "restart_wrapper/namespace.hpp"

namespace stasis::cli {
namespace {

int complain(const Error& failure) {
  std::fprintf(stderr, "stasis check: %s\n", sentence_with_remedy(failure).c_str());
  return describe(failure.code).exit_status;
}

}  // namespace

int check(const std::string& command) {
  const auto program = find_program(command);
  if (!program) return complain(program.error());
  const Status loadable = check_program(*program);
  const auto namespaces = restart::check_namespace();
  if (loadable) std::printf("%s: can be checkpointed\n", (*program).c_str());
  else complain(loadable.error());
  if (namespaces) std::printf("namespaces: a restart can have its old process ids here\n");
  else std::printf("namespaces: refused here (%s); a restart translates process ids, see \"Where ids are translated\" in docs/LIMITS.md\n", sentence(namespaces.error()).c_str());
  return describe(loadable.error().code).exit_status;
}

}  // namespace stasis::cli
