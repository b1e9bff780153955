// See election.hpp. Entries are compared only with those of equal kind, device, inode and discriminator, so that kcmp is rarely called.
// World: programs.
#include "coordinator/election.hpp"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <tuple>

#include "coordinator/processes.hpp"

namespace stasis::coordinator {
namespace {

struct Elected {
  std::uint64_t id = 0;
  std::int32_t pid = 0;
  std::int32_t thread = 0;  // its living_thread: kcmp(2) takes no main thread that has ended
  std::int32_t fd = -1;
};

}  // namespace

Result<std::map<std::int32_t, std::vector<proto::ElectedEntry>>> elect(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories) {
  std::map<std::tuple<proto::SharedKind, std::uint64_t, std::uint64_t, std::uint64_t>, std::vector<Elected>> known;
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers;
  std::uint64_t last_id = 0;
  for (const auto& [pid, entries] : inventories) {
    std::vector<proto::ElectedEntry>& answer = answers[pid];
    const std::int32_t thread = living_thread(pid);
    for (const proto::SharedEntry& entry : entries) {
      const bool memory = entry.kind == proto::SharedKind::memory;
      std::vector<Elected>& alike = known[{entry.kind, entry.device, entry.inode, memory ? 0 : entry.discriminator}];
      const Elected* same = nullptr;
      for (const Elected& other : alike) {
        if (!memory && other.pid == pid) continue;  // the member has found its own duplicates
        const long order = memory ? 0 : ::syscall(SYS_kcmp, thread, other.thread, KCMP_FILE, entry.fd, other.fd);
        if (order < 0) return system_error("compare descriptors of processes " + std::to_string(pid) + " and " + std::to_string(other.pid), -errno);
        if (order == 0) same = &other;
        if (same != nullptr) break;
      }
      answer.push_back({same != nullptr ? same->id : ++last_id, same == nullptr});
      if (same == nullptr) alike.push_back({last_id, pid, thread, entry.fd});
    }
  }
  return answers;
}

}  // namespace stasis::coordinator
