// Lending descriptors to another member for a moment, and borrowing: to send again at one end of a connection what was taken out at the other.
//
// With a descriptor goes the writing end of a pipe. The lender does not let its threads run before nobody has that end any more: so the borrower can finish
// whatever becomes of the checkpoint, and if it dies the kernel closes it.
// World: hijack, leader, all threads parked.
#pragma once
#include "core/base/result.hpp"
#include "core/proto/messages.hpp"
#include "hijack/engine/descriptors.hpp"
#include "hijack/engine/link.hpp"

namespace stasis::hijack {

class Lending {
 public:
  Lending(Link& link, Arena& arena) noexcept : link_(link), arena_(arena), lent_(arena) {}
  Lending(const Lending&) = delete;
  // Waits until everything that was lent has been given back.
  ~Lending();

  // Lends what `elected` says; then borrows, for each socket of `all` that needs its other end, and has its queue taken out and filled again. Errors: abandoned,
  // system, unsupported.
  Status exchange(const proto::Elected& elected, Descriptors& all) noexcept;

 private:
  Status lend(const proto::Lending& lending, const Descriptors& all) noexcept;
  Status refill(Description& description, int other) noexcept;

  Link& link_;
  Arena& arena_;
  List<int> lent_;  // reading ends of the pipes
};

}  // namespace stasis::hijack
