// In which order processes must be made so that parents, sessions and process groups come out as they were.
//
// A process gets its session by birth or by setsid(2), and its parent by birth or by the parent's death; both are for ever. So each
// process of the computation is forked by a process that is in its session at that moment: its parent after or before the parent's own setsid, or, for
// orphans, a *midwife* that lives in the session only to fork it and to exit. Leaders of sessions and groups that are no longer there
// are stood in for until the others have joined; parents from outside the computation are stood in for as long as they have children.
// Computing this touches nothing.
// World: programs.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::restart {

// What the images say of one process.
struct ProcessShape {
  int pid = 0;
  int parent = 0;  // 0, 1 or a pid outside the computation: see Tree
  int group = 0;
  int session = 0;
  bool zombie = false;
  int status = 0;      // zombies: as wait(2) gives it
  int member = -1;     // index of the member, -1 for zombies
  int exit_signal = 17;  // SIGCHLD
};

enum class Role : std::uint8_t {
  member,    // becomes a process of the program
  zombie,    // ends with its status and is not waited for
  leader,    // lends its pid as session or group until the others have joined, then ends
  parent,    // stands in for a parent outside the computation as long as it has children
  midwife,   // forks one orphan and ends
};

struct TreeNode {
  int pid = 0;
  Role role = Role::member;
  int creator = -1;            // index of the node that forks it; -1: the first process of the namespace
  bool before_session = false; // forked before the creator's setsid
  int session = 0;             // 0: that of the first process, see Tree
  int group = 0;               // 0: that of the first process, see Tree
  int status = 0;              // zombies
  int member = -1;
  int exit_signal = 17;        // for its creator, if that is its parent
  std::vector<int> children;   // indices of nodes that it forks, those before its setsid first
};

struct TreeOptions {
  // The program had its terminal from outside and the restarter has one: sessions and groups that are led by nobody of the computation become the
  // restarter's own, so that the terminal works. Otherwise they get stand-in leaders with the old ids.
  bool share_session = false;
  int root = 0;               // pid of the program's first process
  std::set<int> taken;        // ids that stand-ins must not get: threads of the program
  int terminal_session = 0;   // the session that had the terminal; it becomes the restarter's, too, if somebody of the computation led it
};

// The first process itself. Where a program was started from outside its pid namespace (by a container's runtime, by a machine's init),
// getsid() and getpgrp() gave 0, the id of what cannot be seen; where process 1 led them they gave 1. So the first process stays in
// the session and group that its restarter made outside, and leads them itself only if the program had 1.
struct Tree {
  bool first_leads_session = false;
  bool first_leads_group = false;  // without leading the session
  std::vector<TreeNode> nodes;
  std::vector<int> top;       // nodes that the first process forks, in order
  std::set<int> ids;          // all process ids in it
};

// Errors: restore_failed naming the process whose place cannot be rebuilt.
Result<Tree> build_tree(const std::vector<ProcessShape>& processes, const TreeOptions& options);

// The lowest id that is free in `used`, from 2.
int free_id(const std::set<int>& used);

// One line a node, indented by creation, for --dry-run.
std::string to_text(const Tree& tree);

}  // namespace stasis::restart
