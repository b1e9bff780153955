// The process as /proc and its own system calls tell it, see process_record.hpp.
// World: hijack, leader.
#include "hijack/engine/process_record.hpp"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "hijack/engine/entry.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/machine_clocks.hpp"
#include "hijack/virt/system_v_numbers.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::uint64_t kTickMs = 10;  // of /proc/PID/stat, on x86
constexpr int kFields = 52;  // of /proc/PID/stat, proc(5), counted from 1

struct Stat {
  std::uint64_t field[kFields + 1] = {};
  bool is_zombie = false;
};

// The name, in parentheses, may hold anything; the fields after it are numbers but for the third.
Stat parse_stat(std::string_view file) noexcept {
  Stat stat;
  Text text(file);
  text.skip(file.rfind(')') + 1);
  stat.is_zombie = text.word() == "Z";
  for (int i = 4; i <= kFields; ++i) stat.field[i] = text.number();
  return stat;
}

Stat read_stat(std::int32_t pid) noexcept {
  FixedString<64> path("/proc/");
  path.append_signed(pid).append("/stat");
  char buffer[1024];
  return parse_stat(read_small(path.c_str(), buffer, sizeof buffer));
}

Result<std::string_view> link_text(const char* path, Arena& arena) noexcept {
  const std::string_view target = read_link(path, arena);
  if (target.empty()) return system_error(FixedString<320>("read ").append(path), -ENOENT);
  return target;
}

std::int32_t control(int option) noexcept { return static_cast<std::int32_t>(sys::call(SYS_prctl, option, 0, 0, 0, 0)); }

std::int32_t control_value(int option) noexcept {
  int value = 0;
  sys::call(SYS_prctl, option, &value, 0, 0, 0);
  return value;
}

std::uint64_t enabled_features() noexcept {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
  if ((c & 1u << 27) == 0) return 0;  // OSXSAVE
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

void fill_identity(image::ProcessRecord& record, const Stat& stat) noexcept {
  const auto own = static_cast<std::int32_t>(sys::call(SYS_getpid));
  record.pid = programs_id(own);
  record.parent = programs_id(static_cast<std::int32_t>(stat.field[4]));
  record.group = programs_id(static_cast<std::int32_t>(stat.field[5]));
  record.session = programs_id(static_cast<std::int32_t>(stat.field[6]));
  record.terminal = stat.field[7];
  const auto foreground = static_cast<std::int32_t>(stat.field[8]);
  record.foreground_group = foreground > 0 ? programs_id(foreground) : 0;
  record.exit_signal = static_cast<std::int32_t>(read_stat(own).field[38]);  // another thread than the main one has none
  record.user = static_cast<std::uint32_t>(sys::call(SYS_getuid));
  record.group_id = static_cast<std::uint32_t>(sys::call(SYS_getgid));
}

void fill_addresses(image::ProcessRecord& record, const Stat& stat, const MemoryMap& map) noexcept {
  record.start_code = stat.field[26], record.end_code = stat.field[27], record.start_stack = stat.field[28];
  record.start_data = stat.field[45], record.end_data = stat.field[46], record.start_brk = stat.field[47];
  record.argument_start = stat.field[48], record.argument_end = stat.field[49];
  record.environment_start = stat.field[50], record.environment_end = stat.field[51];
  record.brk = static_cast<std::uint64_t>(sys::call(SYS_brk, 0));
  record.vdso_start = map.vdso.start, record.vdso_end = map.vdso.end, record.vvar_start = map.vvar_start;
  record.vdso = std::string_view(reinterpret_cast<const char*>(map.vdso.start), map.vdso.end - map.vdso.start);
  record.entry = reinterpret_cast<std::uint64_t>(stasis_wake_entry);
  record.entry_stack = reinterpret_cast<std::uint64_t>(stasis_entry_stack_top);
  record.handoff = reinterpret_cast<std::uint64_t>(&saved.handoff);
  record.members_start = reinterpret_cast<std::uint64_t>(members_address());
  record.fs_base = saved.kept->threads[0].fs_base;  // the leader's, unless there is a main thread
  for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i)
    if (saved.kept->threads[i].tid == sys::call(SYS_getpid) && saved.kept->threads[i].phase.load() == ThreadPhase::parked) record.fs_base = saved.kept->threads[i].fs_base;
}

[[gnu::noinline]] Status fill_attributes(image::ProcessRecord& record, Arena& arena) noexcept {
  char buffer[4096];
  record.umask = static_cast<std::uint32_t>([&] {
    Text text(field_of(read_small("/proc/thread-self/status", buffer, sizeof buffer), "Umask:"));
    return text.number(8);
  }());
  record.personality = static_cast<std::uint64_t>(sys::call(SYS_personality, 0xffffffffu));
  record.nice = 20 - static_cast<std::int32_t>(sys::call(SYS_getpriority, PRIO_PROCESS, sys::call(SYS_getpid)));
  record.dumpable = control(PR_GET_DUMPABLE);
  // A thread may have given them up alone; those that had not must not lose them with the process.
  record.no_new_privileges = 1;
  for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i)
    if (saved.kept->threads[i].phase.load() == ThreadPhase::parked && !saved.kept->threads[i].attributes.no_new_privileges) record.no_new_privileges = 0;
  record.parent_death_signal = control_value(PR_GET_PDEATHSIG);
  record.child_subreaper = control_value(PR_GET_CHILD_SUBREAPER);
  record.oom_score_adjustment = static_cast<std::int32_t>(Text(read_small("/proc/thread-self/oom_score_adj", buffer, sizeof buffer)).number());
  record.timer_slack_ns = static_cast<std::uint64_t>(sys::call(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0));

  auto* limits = static_cast<image::LimitRecord*>(arena.take(sizeof(image::LimitRecord) * RLIM_NLIMITS));
  if (limits == nullptr) return out_of_arena();
  for (unsigned i = 0; i != RLIM_NLIMITS; ++i) {
    struct rlimit64 limit{};
    sys::call(SYS_prlimit64, 0, i, nullptr, &limit);
    if (i == RLIMIT_NOFILE) limit.rlim_cur = saved.descriptors;
    limits[i] = {i, limit.rlim_cur, limit.rlim_max};
  }
  record.limits = Sequence<image::LimitRecord>(limits, RLIM_NLIMITS);
  return {};
}

Status fill_texts(image::ProcessRecord& record, Arena& arena) noexcept {
  struct utsname names{};
  sys::call(SYS_uname, &names);
  record.computation = settings.computation;
  record.host = arena.copy(names.nodename);
  record.kernel = arena.copy(names.release);
  record.program = arena.copy(saved.executable);
  STASIS_TRY_VALUE(record.directory, link_text("/proc/thread-self/cwd", arena));
  if (record.directory.ends_with(kDeleted)) {
    record.directory_deleted = true;
    record.directory.remove_suffix(kDeleted.size());
  }
  STASIS_TRY_VALUE(record.command, read_file("/proc/thread-self/cmdline", arena));
  STASIS_TRY_VALUE(record.auxiliary_vector, read_file("/proc/thread-self/auxv", arena));
  FixedString<64> comm("/proc/self/task/");
  comm.append_signed(sys::call(SYS_getpid)).append("/comm");
  STASIS_TRY_VALUE(record.name, read_file(comm.c_str(), arena));
  if (record.name.ends_with("\n")) record.name.remove_suffix(1);
  return {};
}

void complete_thread(ThreadState& state) noexcept {
  state.id = programs_id(state.tid);
  state.awaited = programs_owner(awaited_id(*state.context));
  const SystemVObject object = object_of(*state.context);
  state.object_number = object.number < 0 ? -1 : programs_number(object.kind, object.number);
  state.given = programs_id(given_id(*state.context));
  sys::call(SYS_sched_getattr, state.tid, &state.scheduling, 48 /* the structure's first version */, 0);
  const long bytes = sys::call(SYS_sched_getaffinity, state.tid, sizeof state.affinity, state.affinity);
  state.affinity_bytes = bytes > 0 ? static_cast<std::uint32_t>(bytes) : 0;
}

// As wait(2) gives it, from what waitid(2) tells.
std::int32_t wait_status(const siginfo_t& info) noexcept {
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

Status visit_child(std::int32_t pid, Arena& arena, List<image::ZombieRecord>& zombies) noexcept {
  siginfo_t info{};
  const long result = sys::call(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, nullptr);
  if (result < 0 || info.si_pid != pid) return {};
  const Stat stat = read_stat(pid);
  FixedString<64> path("/proc/");
  path.append_signed(pid).append("/comm");
  char name[32];
  std::string_view comm = read_small(path.c_str(), name, sizeof name);
  if (comm.ends_with("\n")) comm.remove_suffix(1);
  image::ZombieRecord zombie;
  zombie.pid = programs_id(pid);
  zombie.group = programs_id(static_cast<std::int32_t>(stat.field[5]));
  zombie.session = programs_id(static_cast<std::int32_t>(stat.field[6]));
  zombie.status = wait_status(info);
  zombie.name = arena.copy(comm);
  zombie.exit_signal = static_cast<std::int32_t>(stat.field[38]);
  return zombies.add(zombie) ? Status() : Status(out_of_arena());
}

}  // namespace

std::uint64_t controlling_terminal() noexcept {
  char buffer[1024];
  return parse_stat(read_small("/proc/thread-self/stat", buffer, sizeof buffer)).field[7];
}

std::uint64_t started_ms(std::int32_t pid) noexcept { return read_stat(pid).field[22] * kTickMs; }

bool is_member(std::int32_t pid) noexcept {
  return pid > 0 && read_slot(pid, 0) == MemberState::running && read_slot(pid, started_ms(pid) * 1000) == MemberState::running;
}

bool is_recorded(std::int32_t pid) noexcept {
  const Stat stat = read_stat(pid);
  return is_member(stat.is_zombie ? static_cast<std::int32_t>(stat.field[4]) : pid);
}

Result<image::ProcessRecord> describe_process(Arena& arena, const MemoryMap& map) noexcept {
  image::ProcessRecord record;
  char buffer[1024];
  const Stat stat = parse_stat(read_small("/proc/thread-self/stat", buffer, sizeof buffer));
  fill_identity(record, stat);
  fill_addresses(record, stat, map);
  STASIS_TRY(fill_attributes(record, arena));
  STASIS_TRY(fill_texts(record, arena));
  record.cpu_features = enabled_features();
  record.checkpoint_realtime_ns = clock_ns(CLOCK_REALTIME);
  record.checkpoint_monotonic_ns = clock_ns(CLOCK_MONOTONIC) + static_cast<std::uint64_t>(offset_of(CLOCK_MONOTONIC));  // as the program reads it
  record.checkpoint_boottime_ns = clock_ns(CLOCK_BOOTTIME) + static_cast<std::uint64_t>(offset_of(CLOCK_BOOTTIME));
  return record;
}

Status describe_threads(Arena& arena, List<image::ThreadRecord>& threads) noexcept {
  Kept& kept = *saved.kept;
  const auto pid = static_cast<std::int32_t>(sys::call(SYS_getpid));
  for (const bool main : {true, false}) {
    for (std::uint32_t i = 0; i != kept.thread_count; ++i) {
      ThreadState& state = kept.threads[i];
      if (state.phase.load() != ThreadPhase::parked || (state.tid == pid) != main) continue;
      complete_thread(state);
      if (state.attributes.filter != kept.threads[0].attributes.filter)
        return error(ErrorCode::unsupported, FixedString<320>("thread ").append_signed(state.tid).append(" filters its system calls (seccomp)"));
      if (state.attributes.has_ring)
        return error(ErrorCode::unsupported, FixedString<320>("thread ").append_signed(state.tid).append(" has an io_uring registered (IORING_REGISTER_RING_FDS)"));
      image::ThreadRecord record;
      record.tid = state.id;
      record.name = arena.copy(state.name);
      record.system_call = state.note.number;
      if (!threads.add(record)) return out_of_arena();
    }
  }
  return {};
}

Status describe_zombies(Arena& arena, List<image::ZombieRecord>& zombies) noexcept {
  const Kept& kept = *saved.kept;
  for (std::uint32_t i = 0; i != kept.thread_count; ++i) {
    if (kept.threads[i].phase.load() != ThreadPhase::parked) continue;
    FixedString<64> path("/proc/self/task/");
    path.append_signed(kept.threads[i].tid).append("/children");
    STASIS_TRY_VALUE(const std::string_view children, read_file(path.c_str(), arena));
    Text text(children);
    for (std::string_view word = text.word(); !word.empty(); word = text.word())
      STASIS_TRY(visit_child(static_cast<std::int32_t>(Text(word).number()), arena, zombies));
  }
  return {};
}

}  // namespace stasis::hijack
