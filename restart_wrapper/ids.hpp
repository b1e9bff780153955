// Ids of the processes of an attempt: the old ones, or others that the library translates (core/registry/id_table.hpp).
//
// Where the first process has a pid namespace both are the same. Without one the kernel gives what it gives, and every process that is made is entered in
// the table of the run directory under the id that the program knows.
// World: programs.
#pragma once
#include <string>

#include "core/base/result.hpp"
#include "core/registry/id_table.hpp"

namespace stasis::restart {

enum class IdMode {
  in_namespace,  // the kernel's ids are the old ones
  translated,    // they are others
};

// What STASIS_IDS asks for, if this machine and user allow it. Errors: bad_option for another word; no_namespace if it was asked for.
Result<IdMode> choose_ids();

class Ids {
 public:
  Ids() = default;
  explicit Ids(IdMode mode) : mode_(mode) {}
  // Makes the table in `run_directory`, which the coordinator has made. From then on ids are translated, here and in all that is forked. Errors: no_coordinator, system.
  Status make_table(const std::string& run_directory);
  bool are_translated() const { return mode_ == IdMode::translated; }
  // The kernel's id for the program's, of a process or, below 0, of a group; and the program's for the kernel's.
  int kernels(int id) const { return id >= 0 ? table_.kernels(id) : -table_.kernels(-id); }
  int programs(int id) const;
  // By parent and child both, whoever comes first.
  void enter(int program, int kernel) const;
  // A process of a moment with the kernel's id `kernel` is taken for the program's `program`, of whom there may be another one.
  void lend(int program, int kernel) const;
  // Somebody has waited for it.
  void forget(int kernel) const;

 private:
  IdMode mode_ = IdMode::in_namespace;
  IdTable table_;  // when it has been made
};

}  // namespace stasis::restart
