// How a node coordinator and the root, and parts that bring their connections back, prove to each other that they know the computation's key, without sending it.
//
// Each sends a challenge and answers the other's with HMAC-SHA256(key, role | challenge | part). The key lies in the store (0600), so only the
// owner of the computation has it. What follows on the connection is neither encrypted nor signed: it holds no data of the program.
// World: programs.
#pragma once
#include <string>
#include <string_view>

namespace stasis::proto {

inline constexpr std::string_view kNodeRole = "node";
inline constexpr std::string_view kRootRole = "root";

// In hex.
std::string proof(std::string_view key, std::string_view role, std::string_view challenge, std::string_view part);
// 2*bytes hex digits from the kernel's random numbers: a key, a challenge.
std::string random_hex(std::size_t bytes);
// Compares without telling by its time where they differ.
bool is_same_proof(std::string_view left, std::string_view right);

}  // namespace stasis::proto
