// What a program and those who look at it from outside can see of its processes, compared before and after.
//
// One look covers all programs: whatever a program tests itself, its processes must also have kept their names, arguments, environment,
// limits, signal masks and actions, descriptors and memory. Processes are matched by the id that they see themselves, since a restart
// puts them into a pid namespace of their own.
// World: programs.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace stasis::tests {

struct VisibleMapping {
  unsigned long start, end;
  std::string kind;  // permissions and name
};

struct ProcessState {
  std::map<std::string, std::string> fields;  // for example "descriptor 3" or "limits"
  std::vector<VisibleMapping> memory;         // by address; neighbours of one kind, which the kernel may join or not, are one
};

// Process id as the process sees it, to its state.
using VisibleState = std::map<pid_t, ProcessState>;

// Looks at all processes of the computation below the driver, each as soon as no thread of it is in the handler of the stop signal any more. They must not be starting, ending or changing what is looked at: the
// program has said READY, and not yet been triggered.
VisibleState look();

// Throws Failure with every difference, one a line. Memory that the library added to a process is not a difference; a missing or
// changed piece is.
void require_same(const VisibleState& before, const VisibleState& after);

}  // namespace stasis::tests
