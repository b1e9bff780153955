// Telling the node coordinator that a drain marker has come through.
//
// World: programs. The stop signal waits meanwhile: a checkpoint must not find the connection.
#pragma once
#include "core/proto/drain_marker.hpp"

namespace stasis::launch_proxy {

// Request{drained} to the coordinator whose run directory is `directory`; `stream` is 1 or 2. Whether it arrives is the coordinator's to
// find out: it waits for each marker, and not for ever.
void tell_drained(const char* directory, const proto::DrainMarker& marker, int stream);

}  // namespace stasis::launch_proxy
