// Everything that can be known to go wrong before anything is touched.
//
// World: programs.
#pragma once
#include "restart_wrapper/computation.hpp"
#include "restart_wrapper/ids.hpp"

namespace stasis::restart {

// Checks that this machine, this user and the files here can take `computation` back: processor, kernel, namespaces, mapped files, open files,
// directories. Errors: cpu_features, no_namespace, file_changed, file_missing, restore_failed, rejected, each naming what and where.
Status preflight(const Computation& computation, IdMode ids);

}  // namespace stasis::restart
