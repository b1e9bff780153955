// The descriptors of the process and the descriptions behind them.
//
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/records.hpp"
#include "core/proto/messages.hpp"
#include "hijack/kinds/in_flight.hpp"
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {

struct Descriptors {
  List<image::DescriptorRecord> descriptors;  // ascending; `description` is an index until identify() makes it an id
  List<Description> descriptions;             // each once
  List<const Kind*> kinds;                    // of each description
};

// Lists them all but `own`, the leader's connection; then the descriptions that are only in flight, by descriptors that go to `borrowed`. What is of no kind is an error of code unsupported that names descriptor and path.
Result<Descriptors> list_descriptors(Arena& arena, int own, BorrowedDescriptors& borrowed) noexcept;

// Puts content into the image where this process was elected for it, and ids in place of indices. `elected` begins with an entry for each description.
Status record_descriptions(Descriptors& all, const List<proto::ElectedEntry>& elected, Sink& sink) noexcept;

}  // namespace stasis::hijack
