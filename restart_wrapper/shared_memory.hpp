// Memory that processes share and that no file name leads to.
//
// World: programs.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Makes and fills every object, in the first process: memory made by mmap at places of site.shared, which the processes inherit and move;
// deleted and memory files as descriptors, those of descriptions where there is one. Fills site.shared_memory. Errors: image_damaged, system.
Status recreate_shared_memory(Site& site);

}  // namespace stasis::restart
