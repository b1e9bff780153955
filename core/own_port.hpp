// Ports for sockets of our own: such as the kernel gives to nobody who leaves the choice to it.
//
// A program's listener is to come back at its old port, which was most often the kernel's choice. If a coordinator's or a restart's own socket had been
// given that one by the same choice, moments before, the restart would fail. So ours are from outside of ip_local_port_range (ip-sysctl.rst).
//
// World: programs. Any thread.
#pragma once
#include <string_view>

#include "core/base/result.hpp"

namespace stasis {

// Binds `fd`, an IPv4 or IPv6 socket without a name, to `address` (the bytes of a sockaddr_in or sockaddr_in6 of its family, the port of which does not count; empty: any address of the machine)
// and a port that nobody else has, whatever SO_REUSEADDR was, which is off then. Where no port of ours is free the kernel chooses after all. Errors: system.
Status bind_to_own_port(int fd, std::string_view address = {});

}  // namespace stasis
