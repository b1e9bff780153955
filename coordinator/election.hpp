// Which descriptors and memory of different processes are the same thing, and who records it.
//
// World: programs. To be called while all members stand still.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/result.hpp"
#include "core/proto/messages.hpp"

namespace stasis::coordinator {

// Answers each member's inventory entry by entry. Equal device and inode is enough for memory; descriptions are compared by kcmp(2).
// Errors: system, when the kernel refuses to compare.
Result<std::map<std::int32_t, std::vector<proto::ElectedEntry>>> elect(const std::map<std::int32_t, std::vector<proto::SharedEntry>>& inventories);

}  // namespace stasis::coordinator
