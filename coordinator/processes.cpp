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
#include <set>
#include <sstream>

#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

std::string read_proc(std::int32_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  if (fd < 0) return text;
  char buffer[16384];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

// Fields 3, 4, 20 and 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold anything, so the last parenthesis counts.
bool read_stat(std::int32_t pid, Process& process, char& state, int& threads) {
  const std::string text = read_proc(pid, "stat");
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return false;
  unsigned long long ticks = 0;
  int parent = 0;
  if (std::sscanf(text.c_str() + close + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu", &state, &parent, &threads, &ticks) != 4) return false;
  process.pid = pid;
  process.parent = parent;
  process.started_us = ticks * (1'000'000ull / static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK)));
  process.name = text.substr(text.find('('), close + 1 - text.find('('));
  return true;
}

void read_name(Process& process) {
  char path[4096];
  const ssize_t length = ::readlink(("/proc/" + std::to_string(process.pid) + "/exe").c_str(), path, sizeof path);
  if (length > 0) process.name.assign(path, static_cast<std::size_t>(length));
}

bool carries(std::int32_t pid, const std::string& computation) {
  const std::string wanted = std::string(environment::kComputation) + "=" + computation;
  const std::string text = read_proc(pid, "environ");
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\0', start), text.size());
    if (std::string_view(text).substr(start, end - start) == wanted) return true;
    start = end + 1;
  }
  return false;
}

// Adds the process if it lives; zombies belong to their parents' images.
void add_living(std::map<std::int32_t, Process>& all, std::int32_t pid, const MemberTable& table) {
  Process process;
  char state = 0;
  int threads = 0;
  if (!read_stat(pid, process, state, threads) || state == 'X') return;
  if (state == 'Z' && threads <= 1) return;  // with more, only the main thread has ended
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
    std::istringstream children(read_proc(parent, ("task/" + std::string(entry->d_name) + "/children").c_str()));
    for (std::int32_t child = 0; children >> child;) {
      if (child != ::getpid() && !all.contains(child)) add_living(all, child, table);
    }
  }
  ::closedir(directory);
}

// se.exec_start of /proc/PID/sched: milliseconds with six decimals of the scheduler's clock (kernel/sched/debug.c); 0 if it is not there.
std::uint64_t last_ran_ns(std::int32_t pid) {
  const std::string schedule = read_proc(pid, "sched");
  const std::size_t at = schedule.find("se.exec_start");
  const std::size_t colon = at == std::string::npos ? at : schedule.find(':', at);
  unsigned long long whole = 0, fraction = 0;
  if (colon == std::string::npos || std::sscanf(schedule.c_str() + colon + 1, " %llu.%6llu", &whole, &fraction) != 2) return 0;
  return whole * 1'000'000 + fraction;
}

// Where its main thread ran last: field 39 of /proc/PID/stat (proc(5)); -1 if that cannot be read.
int last_processor(std::int32_t pid) {
  const std::string text = read_proc(pid, "stat");
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 39; ++i) fields >> field;
  return fields && !field.empty() ? std::atoi(field.c_str()) : -1;
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
    if (process.state == MemberState::running || process.state == MemberState::exec) continue;
    const bool child = ours.contains(process.parent) && process.parent != ::getpid();
    if (process.state == MemberState::dormant) {
      if (child) read_name(process), census.dormant.push_back(process);
    } else if (child || ours.contains(pid) || carries(pid, computation)) {
      read_name(process);
      census.pending.push_back(process);
    }
  }
  for (auto& [pid, process] : census.members) read_name(process);
  return census;
}

std::uint64_t main_thread_slept_ns(std::int32_t pid) {
  Process process;
  char state = 0;
  int threads = 0;
  if (!read_stat(pid, process, state, threads) || state == 'R') return 0;
  // Each processor has a scheduler's time of its own (what a hypervisor stole is not in it): it is read where the process slept.
  cpu_set_t before, there;
  const int processor = last_processor(pid);
  const pid_t self = ::gettid();
  if (processor < 0 || ::sched_getaffinity(0, sizeof before, &before) != 0) return 0;
  CPU_ZERO(&there);
  CPU_SET(processor, &there);
  const std::uint64_t then = last_ran_ns(pid);
  if (::sched_setaffinity(0, sizeof there, &there) != 0) return 0;
  ::sched_yield();
  const std::uint64_t now = last_ran_ns(self);
  ::sched_setaffinity(0, sizeof before, &before);
  return then != 0 && now > then ? now - then : 0;
}

bool send_stop_signal(std::int32_t pid) { return ::kill(pid, kStopSignal) == 0; }

}  // namespace stasis::coordinator
