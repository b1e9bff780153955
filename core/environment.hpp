// The contract between our programs and the preloaded library: environment names, file names, the stop signal.
//
// Everything the library must know when a program starts travels in the environment; everything else it asks of the node
// coordinator when a checkpoint runs. All values but LD_PRELOAD stay the same over restarts of a computation: the run
// directory's name derives from the computation's id, so that strings which the program copied stay valid.
// World: all.
#pragma once
#include <string_view>

namespace stasis {

namespace environment {
// Id of the computation: 16 hex digits. Its presence in /proc/PID/environ is how a process is recognised as ours.
inline constexpr const char* kComputation = "STASIS_COMPUTATION";
// Directory of this computation on this node, see namespace run_directory.
inline constexpr const char* kRunDirectory = "STASIS_RUN";
// Identities of descriptors 0, 1 and 2 as the first process got them, "dev:ino,dev:ino,dev:ino" in hex (0:0 if closed): at a
// restart these are replaced by the new ones where they cannot be opened by path (terminals, pipes to a launcher).
inline constexpr const char* kStdio = "STASIS_STDIO";
// Set to "slurm" in the batch shell and tasks of a Slurm job: notices of termination from slurmstepd are held back, see
// hijack/engine/notice.cpp.
inline constexpr const char* kBatch = "STASIS_BATCH";
// Id of the launch that a process belongs to, 8 hex digits: set by a launch proxy for the launcher that it starts (srun), which hands it on to its tasks. It
// stays the same over restarts.
inline constexpr const char* kLaunch = "STASIS_LAUNCH";
// Set to 1 beside it when the launcher is started anew after a restart: its tasks are to be brought back.
inline constexpr const char* kLaunchAgain = "STASIS_LAUNCH_AGAIN";
// Set beside it when output or input of the launch passes the proxy by: the option that makes it so, for people.
inline constexpr const char* kLaunchUndrained = "STASIS_LAUNCH_UNDRAINED";
// Set beside it: absolute path of the computation's store.
inline constexpr const char* kLaunchStore = "STASIS_LAUNCH_STORE";
// How a restart brings ids back: "namespace", the kernel's are the old ones, in a namespace; "virtual", the kernel's are others, and the library translates;
// "auto" (default): the first where this user may have a user namespace, else the second.
inline constexpr const char* kIds = "STASIS_IDS";
// The size up to which a checkpoint keeps copies of files that the program may change in place, all of a process together: bytes, or with K, M or G.
inline constexpr const char* kKeepFiles = "STASIS_KEEP_FILES";
// What becomes of a connection whose other end nobody in the computation has: "close" (default), at a restart its other side has closed it; "refuse", there is no
// checkpoint while there is one.
inline constexpr const char* kOutside = "STASIS_OUTSIDE";
// Injected failure for tests: point[:errno[:skip]], points in core/base/faults.def; errno is a number (5, EIO, if it is left out), skip how
// often the point is passed before it fails.
inline constexpr const char* kFault = "STASIS_FAULT";
// For tests: the seconds that a coordinator gives a silent process in each phase of a checkpoint, in place of its own limits.
inline constexpr const char* kLimit = "STASIS_LIMIT";
// Absolute path of a log file of the library; none by default.
inline constexpr const char* kLog = "STASIS_LOG";
inline constexpr const char* kPreload = "LD_PRELOAD";
}  // namespace environment

// $STASIS_RUN = /dev/shm/stasis-UID/COMPUTATION, mode 0700, made by the node coordinator.
namespace run_directory {
inline constexpr const char* kParent = "/dev/shm";
inline constexpr const char* kSocket = "coordinator.socket";  // UNIX stream socket of the node coordinator
inline constexpr const char* kMembers = "members";            // member table, core/registry/member_table.hpp
inline constexpr const char* kIds = "ids";                    // id table, core/registry/id_table.hpp; only where ids are virtual
inline constexpr const char* kStoreLink = "store";            // symbolic link to the store
// After a restart in another allocation: what the batch system's variables are now, NAME=VALUE, each ended by NUL. For what launch proxies start
// from then on.
inline constexpr const char* kEnvironment = "environment";
}  // namespace run_directory

// The signal by which the node coordinator calls a process and by which the process stops its threads. The last real-time
// signal that neither glibc (32, 33) nor customs of programs (SIGRTMIN+n, SIGRTMAX, SIGRTMAX-1) use.
inline constexpr int kStopSignal = 62;

// Files of a store, relative to its directory (docs/STORE.md, cli, coordinator and restart_wrapper share these).
namespace store_layout {
inline constexpr const char* kIdentity = "store.json";        // format, computation id, command: made at launch
inline constexpr const char* kCoordinator = "coordinator";    // mode 0600, JSON: where the running coordinator is; gone when it is
inline constexpr const char* kGenerations = "generations";    // generations/000001/PART/PID.image and generations/000001/manifest
inline constexpr const char* kRootPart = "main";              // the part of the root coordinator's node
inline constexpr const char* kManifest = "manifest";          // written last and renamed into place: then the generation exists
inline constexpr const char* kLog = "coordinator.log";
inline constexpr const char* kImageSuffix = ".image";
}  // namespace store_layout

}  // namespace stasis
