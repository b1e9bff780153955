// The records of an image's sections.
//
// Written by the library while the program stands still; read by stasis restart, inspect and verify. What the restored library
// needs for itself (signal actions, thread contexts, timers) stays in its own memory, which is part of the image; a record
// holds what must be known *before* that memory is back, and what people want to see.
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct LimitRecord {
  std::uint32_t resource = 0;  // RLIMIT_*
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("resource", self.resource);
    archive("soft", self.soft);
    archive("hard", self.hard);
  }
};

struct ProcessRecord {
  std::int32_t pid = 0;
  std::int32_t parent = 0;         // 0 or a pid that is not in the computation: see is_orphan
  std::int32_t group = 0;          // process group id
  std::int32_t session = 0;        // session id
  std::int32_t foreground_group = 0;  // of the controlling terminal, 0 if there is none
  std::uint64_t terminal = 0;      // device number of the controlling terminal, 0 if none
  std::uint32_t user = 0;
  std::uint32_t group_id = 0;
  std::string_view computation;
  std::string_view host;
  std::string_view program;        // /proc/self/exe
  std::string_view name;           // comm of the main thread
  std::string_view command;        // arguments, separated by NUL
  std::string_view directory;      // working directory
  bool directory_deleted = false;
  std::uint32_t umask = 0;
  std::uint64_t personality = 0;
  std::int32_t nice = 0;
  std::int32_t dumpable = 1;
  std::int32_t no_new_privileges = 0;
  std::int32_t parent_death_signal = 0;
  std::int32_t child_subreaper = 0;
  std::int32_t oom_score_adjustment = 0;
  std::uint64_t timer_slack_ns = 0;
  Sequence<LimitRecord> limits;
  // Address space, as PR_SET_MM_MAP takes it (prctl_mm_map of linux/prctl.h), and the saved auxiliary vector.
  std::uint64_t start_code = 0, end_code = 0, start_data = 0, end_data = 0, start_brk = 0, brk = 0, start_stack = 0;
  std::uint64_t argument_start = 0, argument_end = 0, environment_start = 0, environment_end = 0;
  std::string_view auxiliary_vector;
  std::uint64_t vdso_start = 0, vdso_end = 0;  // [vdso]
  std::uint64_t vvar_start = 0;                // start of the block [vvar]..[vdso]
  std::string_view vdso;                       // the vdso's bytes: another kernel's entry points are redirected by its symbols
  // Where the restorer hands over (core/image/handoff.hpp).
  std::uint64_t entry = 0;          // function of the library
  std::uint64_t entry_stack = 0;    // initial stack pointer for it
  std::uint64_t handoff = 0;        // address of its Handoff
  std::uint64_t fs_base = 0;        // of the main thread; if that had ended, of another
  std::uint64_t members_start = 0;  // where the member table is mapped (not saved; the library maps it again)
  std::string_view kernel;          // release
  std::uint64_t cpu_features = 0;   // XCR0: state components that saved frames may hold
  std::uint64_t checkpoint_realtime_ns = 0;
  std::uint64_t checkpoint_monotonic_ns = 0;
  std::uint64_t checkpoint_boottime_ns = 0;
  std::int32_t exit_signal = 17;    // what its parent gets at its end, SIGCHLD but for clone(2)
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("pid", self.pid);
    archive("parent", self.parent);
    archive("group", self.group);
    archive("session", self.session);
    archive("foreground_group", self.foreground_group);
    archive("terminal", self.terminal);
    archive("user", self.user);
    archive("group_id", self.group_id);
    archive("computation", self.computation);
    archive("host", self.host);
    archive("program", self.program);
    archive("name", self.name);
    archive("command", self.command);
    archive("directory", self.directory);
    archive("directory_deleted", self.directory_deleted);
    archive("umask", self.umask);
    archive("personality", self.personality);
    archive("nice", self.nice);
    archive("dumpable", self.dumpable);
    archive("no_new_privileges", self.no_new_privileges);
    archive("parent_death_signal", self.parent_death_signal);
    archive("child_subreaper", self.child_subreaper);
    archive("oom_score_adjustment", self.oom_score_adjustment);
    archive("timer_slack_ns", self.timer_slack_ns);
    archive("limits", self.limits);
    archive("start_code", self.start_code);
    archive("end_code", self.end_code);
    archive("start_data", self.start_data);
    archive("end_data", self.end_data);
    archive("start_brk", self.start_brk);
    archive("brk", self.brk);
    archive("start_stack", self.start_stack);
    archive("argument_start", self.argument_start);
    archive("argument_end", self.argument_end);
    archive("environment_start", self.environment_start);
    archive("environment_end", self.environment_end);
    archive("auxiliary_vector", self.auxiliary_vector);
    archive("vdso_start", self.vdso_start);
    archive("vdso_end", self.vdso_end);
    archive("vvar_start", self.vvar_start);
    archive("vdso", self.vdso);
    archive("entry", self.entry);
    archive("entry_stack", self.entry_stack);
    archive("handoff", self.handoff);
    archive("fs_base", self.fs_base);
    archive("members_start", self.members_start);
    archive("kernel", self.kernel);
    archive("cpu_features", self.cpu_features);
    archive("checkpoint_realtime_ns", self.checkpoint_realtime_ns);
    archive("checkpoint_monotonic_ns", self.checkpoint_monotonic_ns);
    archive("checkpoint_boottime_ns", self.checkpoint_boottime_ns);
    archive("exit_signal", self.exit_signal);
  }
};

struct ThreadRecord {
  std::int32_t tid = 0;
  std::string_view name;
  std::int64_t system_call = -1;  // what it was blocked in, -1 if it was running
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("tid", self.tid);
    archive("name", self.name);
    archive("system_call", self.system_call);
  }
};

enum class MappingKind : std::uint8_t {
  anonymous = 0,      // private memory; also private mappings of files that are deleted, saved in full
  file_private = 1,   // mapped again from its file; pages that were written are page runs
  file_shared = 2,    // mapped again from its file; content is the file's
  shared_memory = 3,  // object of a SharedMemoryRecord (MAP_SHARED|MAP_ANONYMOUS, deleted or memfd files)
};

enum MappingFlag : std::uint32_t {
  kGrowsDown = 1,
  kHugePageAdvised = 2,     // VmFlags hg
  kHugePageRefused = 4,     // nh
  kDontFork = 8,            // dc
  kDontDump = 16,           // dd
  kWipeOnFork = 32,         // wf
  kLocked = 64,             // lo
  kNoReserve = 128,         // nr
  kSequential = 256,        // sr
  kRandom = 512,            // rr
  kMergeable = 1024,        // mg
  kLockedOnFault = 2048,    // lf
  kSealed = 4096,           // sl
  kDroppable = 8192,        // dp
  kMayWrite = 16384,        // mw, of shared mappings: what is opened for writing may be made writable
};

struct MappingRecord {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  MappingKind kind = MappingKind::anonymous;
  std::uint32_t protection = 0;     // PROT_*
  std::uint32_t flags = 0;          // MappingFlag
  std::uint64_t offset = 0;         // in the file or object
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t file_size = 0;      // size and modification time tell whether the file is still the same
  std::uint64_t file_mtime_ns = 0;
  std::uint64_t object = 0;         // shared_memory: id of the SharedMemoryRecord
  std::string_view path;            // of the file, or the name in brackets ([heap], [stack])
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("start", self.start);
    archive("end", self.end);
    archive("kind", self.kind);
    archive("protection", self.protection);
    archive("flags", self.flags);
    archive("offset", self.offset);
    archive("device", self.device);
    archive("inode", self.inode);
    archive("file_size", self.file_size);
    archive("file_mtime_ns", self.file_mtime_ns);
    archive("object", self.object);
    archive("path", self.path);
  }
};

// Content kept in this image: `count` entries of the section content_runs from index `first`. What no run covers is zero.
struct ContentRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool present = false;      // false: the content is not in this image (another process recorded it, or it is not kept)
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("first", self.first);
    archive("count", self.count);
    archive("present", self.present);
  }
};

enum class DescriptionKind : std::uint8_t {
#define DESCRIPTION_KIND(name, number, text) name = number,
#include "core/image/description_kinds.def"
#undef DESCRIPTION_KIND
};

// How people call it; "unknown" for a number that this version does not know.
constexpr std::string_view name_of(DescriptionKind kind) noexcept {
  switch (kind) {
#define DESCRIPTION_KIND(name, number, text) \
  case DescriptionKind::name: return text;
#include "core/image/description_kinds.def"
#undef DESCRIPTION_KIND
  }
  return "unknown";
}

enum class LockKind : std::uint8_t {
  process = 1,      // fcntl(F_SETLK): the process's, whatever it was taken by
  description = 2,  // fcntl(F_OFD_SETLK): the open file description's
  file = 3,         // flock(2): the same, the whole file
  lease = 4,        // fcntl(F_SETLEASE)
};

// A lock or lease that is held on a file.
struct LockRecord {
  LockKind kind = LockKind::process;
  bool exclusive = false;
  std::uint64_t start = 0;
  std::uint64_t length = 0;  // 0: up to the end of the file, however long that grows
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("kind", self.kind);
    archive("exclusive", self.exclusive);
    archive("start", self.start);
    archive("length", self.length);
  }
};

// An open file description: what dup and fork share. Ids are those of proto::Elected, equal in all images of a node.
struct DescriptionRecord {
  std::uint64_t id = 0;
  DescriptionKind kind = DescriptionKind::regular_file;
  bool recorder = false;            // this image holds the content
  std::uint32_t status_flags = 0;   // fcntl(F_GETFL), with O_LARGEFILE taken out
  std::uint64_t offset = 0;
  std::uint64_t device = 0;         // st_dev
  std::uint64_t inode = 0;
  std::uint32_t mode = 0;           // st_mode
  std::uint64_t size = 0;           // regular files: length at the checkpoint, to which a file open for writing is brought back
  std::uint64_t mtime_ns = 0;
  bool deleted = false;             // no name leads to it any more
  std::string_view path;            // as /proc/self/fd says, without " (deleted)"; or another name of that file
  ContentRange content;             // pipes: unread bytes; deleted files: all; small files: a copy in case the file goes
  std::uint32_t capacity = 0;       // pipes: F_GETPIPE_SZ
  std::uint32_t stdio = 0;          // launch_stdio, terminal: which of 0, 1, 2 it was at launch
  std::uint64_t counter = 0;        // event_counter
  std::uint32_t owner_signal = 0;   // F_GETSIG
  std::int32_t owner = 0;           // F_GETOWN: positive pid, negative group
  bool semaphore = false;           // event_counter: EFD_SEMAPHORE
  std::string_view removed_name;    // regular files whose `path` is another name: the one that /proc/self/fd says and that is gone
  std::string_view state;           // what only this kind has: the record in core/image/states/, encoded (codec.hpp)
  Sequence<LockRecord> locks{};     // that belong to the description
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("id", self.id);
    archive("kind", self.kind);
    archive("recorder", self.recorder);
    archive("status_flags", self.status_flags);
    archive("offset", self.offset);
    archive("device", self.device);
    archive("inode", self.inode);
    archive("mode", self.mode);
    archive("size", self.size);
    archive("mtime_ns", self.mtime_ns);
    archive("deleted", self.deleted);
    archive("path", self.path);
    archive("content", self.content);
    archive("capacity", self.capacity);
    archive("stdio", self.stdio);
    archive("counter", self.counter);
    archive("owner_signal", self.owner_signal);
    archive("owner", self.owner);
    archive("semaphore", self.semaphore);
    archive("removed_name", self.removed_name);
    archive("state", self.state);
    archive("locks", self.locks);
  }
};

struct DescriptorRecord {
  std::int32_t fd = 0;
  bool close_on_exec = false;
  std::uint64_t description = 0;  // id of a DescriptionRecord of this image
  Sequence<LockRecord> locks{};   // that the process has taken by it
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("fd", self.fd);
    archive("close_on_exec", self.close_on_exec);
    archive("description", self.description);
    archive("locks", self.locks);
  }
};

// Memory that several mappings, perhaps of several processes, share and that no file name leads to.
struct SharedMemoryRecord {
  std::uint64_t id = 0;          // of proto::Elected
  bool recorder = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;        // of the object; for MAP_SHARED|MAP_ANONYMOUS the furthest mapped byte
  bool anonymous = true;         // made by mmap; otherwise a deleted or memory file
  std::string_view path;
  ContentRange content;
  std::string_view other_name;   // of a file whose `path` was removed: it is mapped again by this one, its content is not in the image
  std::uint32_t mode = 0;        // of a file that has its name (in /dev/shm): it is made again under it if it is gone; else 0
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("id", self.id);
    archive("recorder", self.recorder);
    archive("device", self.device);
    archive("inode", self.inode);
    archive("size", self.size);
    archive("anonymous", self.anonymous);
    archive("path", self.path);
    archive("content", self.content);
    archive("other_name", self.other_name);
    archive("mode", self.mode);
  }
};

struct ZombieRecord {
  std::int32_t pid = 0;
  std::int32_t group = 0;
  std::int32_t session = 0;
  std::int32_t status = 0;  // as wait(2) gives it
  std::string_view name;
  std::int32_t exit_signal = 17;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("pid", self.pid);
    archive("group", self.group);
    archive("session", self.session);
    archive("status", self.status);
    archive("name", self.name);
    archive("exit_signal", self.exit_signal);
  }
};

}  // namespace stasis::image
