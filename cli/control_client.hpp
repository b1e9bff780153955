// Talking to a running coordinator.
//
// World: programs.
#pragma once
#include <string>

#include "core/base/result.hpp"
#include "core/proto/messages.hpp"

namespace stasis::cli {

// What DIR/coordinator says (core/environment.hpp).
struct CoordinatorAddress {
  std::string computation;
  std::string key;
  std::string socket;
  std::string run_directory() const { return socket.substr(0, socket.rfind('/')); }
};
// Errors: no_store, foreign_store, no_coordinator (it is not running).
Result<CoordinatorAddress> find_coordinator(const std::string& store);

struct Answer {
  std::string text;
  std::string json;
};
// Sends one request and waits for its reply, however long it takes; that to kill is over when the coordinator has ended, too. Errors: no_coordinator, protocol, and what the coordinator answers.
Result<Answer> ask(const CoordinatorAddress& coordinator, proto::Request request);

}  // namespace stasis::cli
