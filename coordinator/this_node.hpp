// This node, as others know it.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::coordinator {

// Its name.
std::string host_name();

// The addresses of its interfaces, numbers with blanks between them, those of the loopback network among them.
std::string node_addresses();

}  // namespace stasis::coordinator
