// See confinement.hpp.
// World: programs.
#include "coordinator/confinement.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace stasis::coordinator {
namespace {

// What matters of /proc/PID/status.
struct Status {
  std::string filters;     // how many, where the kernel says it (Linux 5.9), else whether there are any; empty if the process has ended
  std::int32_t tracer = 0;
};

Status status_of(const std::string& place) {
  Status status;
  std::ifstream file(place + "/status");
  for (std::string line; std::getline(file, line);) {
    const std::string name = line.substr(0, line.find(':'));
    const auto value = [&] { return line.substr(line.find_first_not_of(" \t", name.size() + 1)); };
    if (name == "TracerPid") status.tracer = std::atoi(value().c_str());
    else if (name == "Seccomp" || name == "Seccomp_filters") status.filters = value();
  }
  return status;
}

std::string name_of(std::int32_t pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return name;
}

// The object that a link below /proc leads to, whatever its name: false if it cannot be told.
bool differs(const std::string& place, const std::string& own, const std::string& link) {
  struct stat theirs{}, ours{};
  if (::stat((place + "/" + link).c_str(), &theirs) != 0 || ::stat((own + "/" + link).c_str(), &ours) != 0) return false;
  return theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
}

}  // namespace

std::string confinement_of(const Process& process) {
  const std::string place = "/proc/" + std::to_string(process.pid) + "/task/" + std::to_string(process.thread), own = "/proc/self";
  const Status theirs = status_of(place);
  if (theirs.tracer != 0) return "process " + std::to_string(theirs.tracer) + " " + name_of(theirs.tracer) + " traces it (ptrace)";
  if (!theirs.filters.empty() && theirs.filters != status_of(own).filters) return "it filters its system calls (seccomp)";
  for (const char* name : {"user", "pid", "net", "ipc", "uts"})
    if (differs(place, own, std::string("ns/") + name)) return std::string("it has a namespace of its own (") + name + ")";
  if (differs(place, own, "root")) return "it has a root directory of its own (chroot)";
  return {};
}

}  // namespace stasis::coordinator
