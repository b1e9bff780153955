// What the first process of the namespace and the outer process tell each other, over a SOCK_SEQPACKET pair: one message a packet. The outer process has one thing to
// say: a byte, when it leaves by itself (kFarewell). If it is gone without that it has been killed, and the program ends with who stood for it.
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

inline constexpr char kFarewell = 'f';

struct ControlMessage {
  Event event = Event::failed;
  std::int32_t status = 0;
  image::RestoreFailure failure;
};

}  // namespace stasis::restart
