// See confinement.hpp.
// World: programs.
#include "coordinator/confinement.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace stasis::coordinator {
namespace {

// Of /proc/PID/status; empty if there is none.
std::string status_field(const std::string& place, const std::string& name) {
  std::ifstream file(place + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0) return line.substr(line.find_first_not_of(" \t", name.size() + 1));
  return {};
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
  // How many there are tells more than whether (Linux 5.9).
  for (const char* field : {"Seccomp_filters", "Seccomp"}) {
    const std::string theirs = status_field(place, field);
    if (!theirs.empty() && theirs != status_field(own, field)) return "it filters its system calls (seccomp)";
  }
  for (const char* name : {"user", "pid", "net", "ipc", "uts"})
    if (differs(place, own, std::string("ns/") + name)) return std::string("it has a namespace of its own (") + name + ")";
  if (differs(place, own, "root")) return "it has a root directory of its own (chroot)";
  return {};
}

}  // namespace stasis::coordinator
