// What the connection between a root and a node coordinator is: its socket options, and reports and orders as messages.
//
// World: programs.
#pragma once
#include "coordinator/connection.hpp"
#include "coordinator/node_link.hpp"

namespace stasis::coordinator {

// No message waits for the acknowledgement of another one; a peer that is silently gone is noticed.
void prepare_node_socket(int fd);
// Who is at the other end: a number, of IPv4 if it is such a one.
std::string peer_address(int fd);

bool send_order(Connection& connection, const Order& order);
bool send_report(Connection& connection, const Report& report);
Order to_order(const Frame& frame);
Report to_report(const Frame& frame);

}  // namespace stasis::coordinator
