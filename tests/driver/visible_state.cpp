// What can be seen of the processes of a program, see visible_state.hpp. World: programs.
#include "tests/driver/visible_state.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "core/environment.hpp"
#include "tests/driver/process.hpp"

namespace stasis::tests {
namespace {

namespace fs = std::filesystem;

std::string link_of(const fs::path& path) {
  std::error_code gone;
  return fs::read_symlink(path, gone);
}

// The value of the line "Name:  value" of /proc/PID/status or fdinfo.
std::string field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name + ":", 0) == 0) return line.substr(std::min(line.size(), line.find_first_not_of(" \t", name.size() + 1)));
  return {};
}

constexpr int kLibrarySignal = 33;  // SIGSETXID of glibc

constexpr const char* kDeletedFile = "a deleted file";

// What a name is called that cannot come back literally: inode numbers, and files without a name.
std::string without_number(const std::string& target) {
  if (target.size() > 10 && target.compare(target.size() - 10, 10, " (deleted)") == 0) return kDeletedFile;
  const auto bracket = target.find(":[");
  return bracket != std::string::npos && target[0] != '/' ? target.substr(0, bracket) : target;
}

void look_at_descriptors(const fs::path& process, std::map<std::string, std::string>& fields) {
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(process / "fd", gone)) {
    const std::string info = read_all(process / "fdinfo" / entry.path().filename());
    const std::string flags = field(info, "flags");
    // A descriptor that is open for writing may be in use; the programs under files/ test their offsets.
    const bool moves = flags.empty() || (std::stoul(flags, nullptr, 8) & O_ACCMODE) != O_RDONLY;
    std::ostringstream kept;  // how a file without a name was made is not kept, see docs/LIMITS.md
    kept << std::oct << (flags.empty() ? 0 : std::stoul(flags, nullptr, 8) & ~static_cast<unsigned long>(O_TMPFILE));
    fields["descriptor " + entry.path().filename().string()] =
        without_number(link_of(entry.path())) + " flags " + kept.str() + (moves ? "" : " position " + field(info, "pos"));
  }
}

// The kernel's own mappings are left out: they are where this boot has them.
std::vector<VisibleMapping> look_at_memory(const fs::path& process) {
  std::vector<VisibleMapping> memory;
  std::istringstream lines(read_all(process / "maps"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string range, permissions, offset, device, inode, name;
    words >> range >> permissions >> offset >> device >> inode >> std::ws;
    std::getline(words, name);
    if (name.rfind("[v", 0) == 0) continue;
    name = without_number(name);
    if (name == kDeletedFile && permissions.back() == 'p') name.clear();  // its bytes come back as memory without a file
    const VisibleMapping mapping{std::stoul(range, nullptr, 16), std::stoul(range.substr(range.find('-') + 1), nullptr, 16), permissions + " " + name};
    if (!memory.empty() && memory.back().end == mapping.start && memory.back().kind == mapping.kind) {
      memory.back().end = mapping.end;
    } else {
      memory.push_back(mapping);
    }
  }
  return memory;
}

// Where the process shows what it has: /proc/PID, or one of its threads if the main thread has ended (pthread_exit).
fs::path living_part(const fs::path& process) {
  if (field(read_all(process / "status"), "State").substr(0, 1) != "Z") return process;
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator(process / "task", gone))
    if (thread.path().filename() != process.filename()) return thread.path();
  return process;
}

// Whether the process of this living_part belongs to the computation, and is not one of our own programs.
bool is_member(const fs::path& process) {
  const std::string environment = std::string(1, '\0') + read_all(process / "environ");
  if (environment.find(std::string(1, '\0') + environment::kComputation + "=") == std::string::npos) return false;
  const std::string program = fs::path(link_of(process / "exe")).filename();
  return program != "stasis" && program != "stasis-coordinator" && !program.empty();
}

// A thread by which the kernel works for an io_uring: PF_IO_WORKER in field 9 of its stat. It comes and goes as it likes.
bool is_kernels(const fs::path& thread) {
  const std::string stat = read_all(thread / "stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string value;
  for (int field = 3; field <= 9; ++field) fields >> value;
  return !value.empty() && (std::stoul(value) & 0x10) != 0;
}

// Whether a thread of the process is in the handler of the stop signal: a program itself cannot block that, and threads of the C library's own, which do, do
// not block the signal by which it reaches them.
bool is_in_handler(const fs::path& process) {
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator(process / "task", gone)) {
    const std::string status = read_all(thread.path() / "status"), blocked = field(status, "SigBlk");
    if (is_kernels(thread.path())) continue;
    if (field(status, "State").substr(0, 1) == "Z") continue;  // a main thread that has ended shows what it ended with
    const unsigned long long mask = blocked.empty() ? 0 : std::stoull(blocked, nullptr, 16);
    if ((mask >> (kStopSignal - 1) & 1) != 0 && (mask >> (kLibrarySignal - 1) & 1) != 0) return true;
  }
  return false;
}

// Of the program.
std::string count_threads(const fs::path& process) {
  std::error_code gone;
  int count = 0;
  for (const auto& thread : fs::directory_iterator(process / "task", gone)) count += !is_kernels(thread.path());
  return std::to_string(count);
}

// A checkpoint is over when all members have been told to go on, and their threads do that by themselves. For ever is the test's time limit.
void wait_until_no_handler_runs(const fs::path& process) {
  while (is_in_handler(process)) usleep(1000);
}

bool is_below(pid_t pid, pid_t ancestor) {
  while (pid > 1 && pid != ancestor) {
    const std::string parent = field(read_all("/proc/" + std::to_string(pid) + "/status"), "PPid");
    pid = parent.empty() ? 0 : std::stoi(parent);
  }
  return pid == ancestor;
}

void compare_fields(const std::string& who, const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after,
                    std::ostream& differences) {
  for (const auto& [name, value] : before) {
    const auto found = after.find(name);
    if (found == after.end()) differences << who << name << ": gone, was: " << value << "\n";
    else if (found->second != value) differences << who << name << ": was: " << value << "\n  is: " << found->second << "\n";
  }
  for (const auto& [name, value] : after)
    if (before.count(name) == 0) differences << who << name << ": new: " << value << "\n";
}

// Of a stack only the end counts: it grows, and the guard below it is not listed.
bool is_covered(const VisibleMapping& wanted, const std::vector<VisibleMapping>& memory) {
  const bool is_stack = wanted.kind.find("[stack]") != std::string::npos;
  for (const VisibleMapping& there : memory)
    if (there.kind == wanted.kind && wanted.end <= there.end && (is_stack || there.start <= wanted.start)) return true;
  return false;
}

}  // namespace

VisibleState look() {
  VisibleState all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const fs::path process = living_part(entry.path());
    if (!is_below(std::stoi(name), getpid()) || !is_member(process)) continue;
    wait_until_no_handler_runs(entry.path());
    const std::string status = read_all(process / "status");
    const std::string ids = field(read_all(entry.path() / "status"), "NSpid");
    ProcessState& state = all[std::stoi(ids.substr(ids.find_last_of(" \t") + 1))];
    state.fields["main thread"] = process == entry.path() ? "lives" : "ended";
    for (const char* line : {"Name", "Umask", "SigBlk", "SigIgn", "SigCgt", "Seccomp"}) state.fields[line] = field(status, line);
    state.fields["threads"] = count_threads(entry.path());
    for (const char* file : {"cmdline", "environ", "limits"}) state.fields[file] = read_all(process / file);
    for (const char* link : {"exe", "cwd"}) state.fields[link] = link_of(process / link);
    look_at_descriptors(process, state.fields);
    state.memory = look_at_memory(process);
  }
  return all;
}

void require_same(const VisibleState& before, const VisibleState& after) {
  std::ostringstream differences;
  for (const auto& [pid, state] : before) {
    const auto now = after.find(pid);
    if (now == after.end()) {
      differences << "process " << pid << " is not there any more\n";
      continue;
    }
    const std::string who = "process " + std::to_string(pid) + ", ";
    compare_fields(who, state.fields, now->second.fields, differences);
    for (const VisibleMapping& mapping : state.memory)
      if (!is_covered(mapping, now->second.memory))
        differences << who << "memory " << std::hex << mapping.start << "-" << mapping.end << std::dec << " " << mapping.kind << ": gone or changed\n";
  }
  for (const auto& [pid, state] : after)
    if (before.count(pid) == 0) differences << "process " << pid << " was not there before: " << state.fields.at("Name") << "\n";
  if (!differences.str().empty()) throw Failure("what can be seen of the program has changed:\n" + differences.str());
}

}  // namespace stasis::tests
