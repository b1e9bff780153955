// Which descriptors and memory of different processes are the same thing, and who records it.
//
// World: programs. To be called while all members stand still.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/base/result.hpp"
#include "core/proto/messages.hpp"

namespace stasis::coordinator {

// Answers each member's inventory entry by entry. Equal device and inode is enough for memory; descriptions are compared by kcmp(2).
// Errors: system, when the kernel refuses to compare.
Result<std::map<std::int32_t, std::vector<proto::ElectedEntry>>> elect(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories);

// A connection that must have both ends in the computation and has not.
struct Outside {
  std::int32_t pid = 0;
  std::int32_t fd = -1;
};
std::optional<Outside> find_outside(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories);

// Who lends whom the ends of a connection: for each entry that asks for the other one and is to be recorded, an entry of every other member that has either, the other one if it has both. And of each
// message queue the first member that has it empties it, to whom all others lend it. Marks the answers that loans come for. By the lender's pid.
std::map<std::int32_t, std::vector<proto::Lending>> find_lenders(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories,
                                                                 std::map<std::int32_t, std::vector<proto::ElectedEntry>>& answers);

// What each member puts into its image of the memory that it has mapped: who comes first what nobody before has. By pid; `answers` are those of elect().
std::map<std::int32_t, std::vector<proto::SharedPart>> divide_memory(const std::map<std::int32_t, std::vector<proto::SharedExtent>>& extents,
                                                                     const std::map<std::int32_t, std::vector<proto::ElectedEntry>>& answers);

}  // namespace stasis::coordinator
