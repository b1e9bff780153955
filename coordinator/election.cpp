// See election.hpp. Entries are compared only with those of equal kind, device, inode and discriminator, so that kcmp is rarely called.
// World: programs.
#include "coordinator/election.hpp"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
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

// The first entry of a queue is always one that is recorded.
void find_queue_lenders(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories, std::map<std::int32_t, std::vector<proto::ElectedEntry>>& answers,
                        std::map<std::int32_t, std::vector<proto::Lending>>& lendings) {
  struct Emptying {
    std::int32_t pid = 0;
    std::uint32_t entry = 0;
    std::int32_t last_lender = 0;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, Emptying> queues;
  for (const auto& [pid, entries] : inventories)
    for (std::uint32_t i = 0; i != entries.size(); ++i) {
      if (!entries[i].is_emptied) continue;
      const auto [found, is_first] = queues.try_emplace({entries[i].device, entries[i].inode}, Emptying{pid, i, pid});
      Emptying& queue = found->second;
      if (is_first) answers.at(pid)[i].empties = true;
      if (queue.last_lender == pid) continue;
      queue.last_lender = pid;
      lendings[pid].push_back({i, queue.pid, queue.entry});
      ++answers.at(queue.pid)[queue.entry].loans;
    }
}

}  // namespace

Result<std::map<std::int32_t, std::vector<proto::ElectedEntry>>> elect(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories) {
  std::map<std::tuple<proto::SharedKind, std::uint64_t, std::uint64_t, std::uint64_t>, std::vector<Elected>> known;
  std::map<std::int32_t, std::vector<proto::ElectedEntry>> answers;
  std::uint64_t last_id = 0;
  for (const auto& [pid, entries] : inventories) {
    std::vector<proto::ElectedEntry>& answer = answers[pid];
    const std::int32_t thread = living_thread(pid);
    for (const proto::SharedEntry& entry : entries) {
      const bool memory = entry.kind != proto::SharedKind::description;
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

std::optional<Outside> find_outside(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories) {
  std::set<std::uint64_t> inodes;
  for (const auto& [pid, entries] : inventories)
    for (const proto::SharedEntry& entry : entries)
      if (entry.kind == proto::SharedKind::description) inodes.insert(entry.inode);
  for (const auto& [pid, entries] : inventories)
    for (const proto::SharedEntry& entry : entries)
      if (entry.must_be_inside && !inodes.contains(entry.peer)) return Outside{pid, entry.fd};
  return std::nullopt;
}

std::map<std::int32_t, std::vector<proto::Lending>> find_lenders(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories,
                                                                 std::map<std::int32_t, std::vector<proto::ElectedEntry>>& answers) {
  std::map<std::uint64_t, std::map<std::int32_t, std::uint32_t>> holders;  // by inode: who has it, and as which entry
  for (const auto& [pid, entries] : inventories)
    for (std::uint32_t i = 0; i != entries.size(); ++i)
      if (entries[i].kind == proto::SharedKind::description) holders[entries[i].inode].try_emplace(pid, i);
  std::map<std::int32_t, std::vector<proto::Lending>> lendings;
  for (const auto& [pid, entries] : inventories)
    for (std::uint32_t i = 0; i != entries.size(); ++i) {
      const auto other_end = holders.find(entries[i].other_end);
      if (entries[i].other_end == 0 || !answers.at(pid)[i].recorder || other_end == holders.end()) continue;
      std::map<std::int32_t, std::uint32_t> lenders = other_end->second;
      answers.at(pid)[i].lent = !lenders.contains(pid);  // who has both ends needs no loan of one
      const auto& same_end = holders.at(entries[i].inode);
      lenders.insert(same_end.begin(), same_end.end());
      lenders.erase(pid);
      answers.at(pid)[i].loans = static_cast<std::uint32_t>(lenders.size());
      for (const auto& [lender, entry] : lenders) lendings[lender].push_back({entry, pid, i});
    }
  find_queue_lenders(inventories, answers, lendings);
  return lendings;
}

std::map<std::int32_t, std::vector<proto::SharedPart>> divide_memory(const std::map<std::int32_t, std::vector<proto::SharedExtent>>& extents,
                                                                     const std::map<std::int32_t, std::vector<proto::ElectedEntry>>& answers) {
  std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> taken;  // by object: ends of ranges by their starts, none overlapping another
  std::map<std::int32_t, std::vector<proto::SharedPart>> all;
  for (const auto& [pid, own] : extents) {
    for (std::uint32_t i = 0; i != own.size(); ++i) {
      auto& ranges = taken[answers.at(pid).at(own[i].entry).id];
      std::uint64_t start = own[i].start, end = own[i].end, at = start;
      auto next = ranges.upper_bound(start);
      if (next != ranges.begin() && std::prev(next)->second > start) --next;
      // What is free before each that overlaps; they become one with the extent.
      for (; next != ranges.end() && next->first < own[i].end; next = ranges.erase(next)) {
        if (next->first > at) all[pid].push_back({i, at, next->first});
        at = std::max(at, next->second);
        start = std::min(start, next->first), end = std::max(end, next->second);
      }
      if (at < own[i].end) all[pid].push_back({i, at, own[i].end});
      ranges[start] = end;
    }
  }
  return all;
}

}  // namespace stasis::coordinator
