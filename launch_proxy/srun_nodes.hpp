// The nodes that an srun command line names, in another allocation.
//
// A restart gets the nodes that come next. A launcher that was told where to run its tasks (mpiexec gives srun a --nodelist of the nodes that it was started on) would ask for nodes
// that the job has not any more: the n-th node of the old allocation becomes the n-th of the new one.
// World: programs.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace stasis::launch_proxy {

// The names in a list of Slurm's ("n[1-3],m7"); nothing if it cannot be read.
using Expand = std::function<std::vector<std::string>(const std::string& list)>;

// By `scontrol show hostnames`.
std::vector<std::string> expand_by_scontrol(const std::string& list);

// `arguments`, srun's argv, with the nodes of the allocation `old_list` replaced by those of `new_list`: in --nodelist, also where that is a file, and in --exclude.
// Names that are of neither, and those for which the new allocation has no node, stay.
std::vector<std::string> on_new_nodes(const std::vector<std::string>& arguments, const std::string& old_list, const std::string& new_list, const Expand& expand);

}  // namespace stasis::launch_proxy
