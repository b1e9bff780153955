// What the first process of the namespace tells the outer process, over a SOCK_SEQPACKET pair: one message a packet.
//
// World: programs.
#pragma once
#include <cstdint>

#include "core/image/handoff.hpp"

namespace stasis::restart {

enum class Event : std::uint32_t {
  failed = 1,    // the attempt is off; `failure` says why
  restored,      // every process is whole; a pidfd of the first process of the program comes along if it lives
  root_ended,    // `status` as wait(2) gives it
};

struct ControlMessage {
  Event event = Event::failed;
  std::int32_t status = 0;
  image::RestoreFailure failure;
};

}  // namespace stasis::restart
