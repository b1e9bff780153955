// See processes.hpp.
// World: programs.
#include "coordinator/processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <sstream>

#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

// `thread` is the pid itself or task/TID.
std::string read_proc(const std::string& thread, const char* name) {
  const std::string path = "/proc/" + thread + "/" + name;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  if (fd < 0) return text;
  char buffer[16384];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

// Below /proc: where a living thread of the process shows what the whole process has.
std::string place_of(std::int32_t pid, std::int32_t thread) { return std::to_string(pid) + (thread == pid ? "" : "/task/" + std::to_string(thread)); }

// Fields 3, 4, 20 and 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold anything, so the last parenthesis counts.
bool read_stat(std::int32_t pid, Process& process, char& state, int& threads) {
  const std::string text = read_proc(std::to_string(pid), "stat");
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return false;
  unsigned long long ticks = 0;
  int parent = 0;
  if (std::sscanf(text.c_str() + close + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu", &state, &parent, &threads, &ticks) != 4) return false;
  process.pid = pid;
  process.parent = parent;
  process.is_stopped = state == 'T' || state == 't';
  process.started_us = ticks * (1'000'000ull / static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK)));
  process.name = text.substr(text.find('('), close + 1 - text.find('('));
  return true;
}

void read_name(Process& process) {
  char path[4096];
  const ssize_t length = ::readlink(("/proc/" + place_of(process.pid, process.thread) + "/exe").c_str(), path, sizeof path);
  if (length > 0) process.name.assign(path, static_cast<std::size_t>(length));
}

// A variable of the environment that a process was started with.
std::optional<std::string> variable(const Process& process, const std::string& name) {
  const std::string text = read_proc(place_of(process.pid, process.thread), "environ"), wanted = name + "=";
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\0', start), text.size());
    const std::string_view entry = std::string_view(text).substr(start, end - start);
    if (entry.starts_with(wanted)) return std::string(entry.substr(wanted.size()));
    start = end + 1;
  }
  return std::nullopt;
}

bool carries(const Process& process, const std::string& computation) { return variable(process, environment::kComputation) == computation; }

// A field from the third on of a thread's stat (proc(5)); empty if it cannot be read.
std::string stat_field(const std::string& thread, int number) {
  const std::string text = read_proc(thread, "stat");
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= number; ++i) fields >> field;
  return fields ? field : std::string();
}

bool has_ended(const std::string& thread) {
  const std::string state = stat_field(thread, 3);
  return state.empty() || state == "Z" || state == "X";
}

// Adds the process if it lives; zombies belong to their parents' images.
void add_living(std::map<std::int32_t, Process>& all, std::int32_t pid, const MemberTable& table) {
  Process process;
  char state = 0;
  int threads = 0;
  if (!read_stat(pid, process, state, threads) || state == 'X') return;
  if (state == 'Z' && threads <= 1) return;  // with more, only the main thread has ended
  process.thread = state == 'Z' ? living_thread(pid) : pid;
  process.state = table.read(process.pid, process.started_us);
  all.emplace(process.pid, process);
}

// All processes of this user that live. Those of others cost only a look at their owner; kernel threads alone are a hundred.
std::map<std::int32_t, Process> living_processes(const MemberTable& table) {
  std::map<std::int32_t, Process> all;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return all;
  while (const dirent* entry = ::readdir(directory)) {
    char* end = nullptr;
    const long pid = std::strtol(entry->d_name, &end, 10);
    if (pid <= 0 || *end != '\0' || pid == ::getpid()) continue;
    struct stat status{};
    if (::fstatat(::dirfd(directory), entry->d_name, &status, 0) != 0) continue;
    if (status.st_uid == ::geteuid()) add_living(all, static_cast<std::int32_t>(pid), table);
  }
  ::closedir(directory);
  return all;
}

// Children that run as another user (set-user-id programs): known by their parents only.
void add_foreign_children(std::map<std::int32_t, Process>& all, std::int32_t parent, const MemberTable& table) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  DIR* directory = ::opendir(tasks.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    std::istringstream children(read_proc(std::to_string(parent) + "/task/" + entry->d_name, "children"));
    for (std::int32_t child = 0; children >> child;) {
      if (child == ::getpid() || all.contains(child)) continue;
      add_living(all, child, table);
      if (const auto added = all.find(child); added != all.end()) added->second.is_foreign = true;
    }
  }
  ::closedir(directory);
}

// se.exec_start of a thread's sched: milliseconds with six decimals of the scheduler's clock (kernel/sched/debug.c); 0 if it is not there.
std::uint64_t last_ran_ns(const std::string& thread) {
  const std::string schedule = read_proc(thread, "sched");
  const std::size_t at = schedule.find("se.exec_start");
  const std::size_t colon = at == std::string::npos ? at : schedule.find(':', at);
  unsigned long long whole = 0, fraction = 0;
  if (colon == std::string::npos || std::sscanf(schedule.c_str() + colon + 1, " %llu.%6llu", &whole, &fraction) != 2) return 0;
  return whole * 1'000'000 + fraction;
}

}  // namespace

Census take_census(const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots) {
  std::map<std::int32_t, Process> all = living_processes(table);
  Census census;
  std::set<std::int32_t> ours(roots.begin(), roots.end());
  for (const auto& [pid, process] : all) {
    if (process.state == MemberState::running || process.state == MemberState::exec) {
      census.members.emplace(pid, process);
      ours.insert(pid);
    }
  }
  for (const auto& [pid, process] : census.members) add_foreign_children(all, pid, table);
  for (auto& [pid, process] : all) {
    if (census.members.contains(pid)) continue;
    const bool child = ours.contains(process.parent) && process.parent != ::getpid();
    if (process.state == MemberState::dormant) {
      if (child) read_name(process), census.dormant.push_back(process);
    } else if (child || ours.contains(pid) || carries(process, computation)) {
      read_name(process);
      if (const auto launch = child ? variable(process, environment::kLaunch) : std::nullopt; launch && !carries(process, computation)) {
        census.launchers.push_back({process, *launch, variable(process, environment::kLaunchUndrained).value_or("")});
        continue;
      }
      census.pending.push_back(process);
    }
  }
  for (auto& [pid, process] : census.members) read_name(process);
  return census;
}

std::int32_t living_thread(std::int32_t pid) {
  if (!has_ended(std::to_string(pid))) return pid;
  std::int32_t living = pid;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  DIR* directory = ::opendir(tasks.c_str());
  if (directory == nullptr) return pid;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.' || has_ended(std::to_string(pid) + "/task/" + entry->d_name)) continue;
    living = std::atoi(entry->d_name);
    break;
  }
  ::closedir(directory);
  return living;
}

std::uint64_t slept_ns(const Process& process) {
  const std::string thread = place_of(process.pid, process.thread);
  const std::string state = stat_field(thread, 3);
  if (state.empty() || state == "R") return 0;
  // Each processor has a scheduler's time of its own (what a hypervisor stole is not in it): it is read where the thread slept.
  cpu_set_t before, there;
  const std::string processor = stat_field(thread, 39);
  if (processor.empty() || ::sched_getaffinity(0, sizeof before, &before) != 0) return 0;
  CPU_ZERO(&there);
  CPU_SET(static_cast<std::size_t>(std::atoi(processor.c_str())), &there);
  const std::uint64_t then = last_ran_ns(thread);
  if (::sched_setaffinity(0, sizeof there, &there) != 0) return 0;
  ::sched_yield();
  const std::uint64_t now = last_ran_ns(std::to_string(::gettid()));
  ::sched_setaffinity(0, sizeof before, &before);
  return then != 0 && now > then ? now - then : 0;
}

bool send_stop_signal(const Process& process) {
  // A signal to the whole process, which outlives an exec by another thread; but the kernel gives it to the thread named if that can take it.
  return ::kill(process.thread, kStopSignal) == 0;
}

}  // namespace stasis::coordinator
