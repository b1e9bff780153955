// The namespaces in which a computation gets its old ids back.
//
// World: programs.
#pragma once
#include "core/base/result.hpp"

namespace stasis::restart {

// Who the computation belongs to, and whether that takes a user namespace: everybody but root with CAP_SYS_ADMIN needs one. Taken
// before the fork: inside, ids cannot be asked for until the maps are written.
struct Identity {
  unsigned user = 0;
  unsigned group = 0;
  bool own_users = true;
  bool in_namespace = true;  // false: ids are translated (ids.hpp)
};
Identity identity(bool in_namespace = true);

enum class Session {
  shared,  // the child stays in the caller's session and process group
  own,     // it is in a session that nobody leads any more, without a terminal; inside, getsid() and getpgrp() give 0
};

// Forks into new pid and mount namespaces, and a new user namespace if need be; where there is to be none, into the one there is. Returns 0 in the child, which is process 1 there and must
// call `furnish_namespace` first, else the child's id, as seen by the caller, whose child it is. Errors: no_namespace.
// `own_ipc`: with an IPC namespace of its own, for System V objects.
Result<int> fork_into_namespace(const Identity& identity, Session session, bool own_ipc = false);

// In the child: maps user and group to themselves, keeps mounts inside, mounts a /proc of its own. Where there is no namespace it adopts those whose parents end, as process 1
// would. Errors: no_namespace with the step.
Status furnish_namespace(const Identity& identity);

// Ends all children of the calling thread, and those who become its children thereby: everybody, where it adopts those whose parents end. Async-signal-safe.
void end_all_children();

// Finds out whether both will work, by trying them, and which process ids can be had inside: those below the returned number. A pid namespace has a limit of its own
// since Linux 6.14, which a program that was restarted before can have come to use; before that it is the machine's. Errors: theirs.
Result<long> check_namespace();

}  // namespace stasis::restart
