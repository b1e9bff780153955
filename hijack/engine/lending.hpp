// Lending descriptors to another member for a moment, and borrowing: to send again what was taken out, at the other end of a connection, or into a message queue.
//
// With a descriptor goes the writing end of a pipe. The lender does not let its threads run before nobody has that end any more: so the borrower can finish
// whatever becomes of the checkpoint, and if it dies the kernel closes it. A message queue is lent by all who have it but the one who empties it, who does that only when
// all loans have come: until all run on, nobody but that one touches it.
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

  // Lends what `elected` says; then borrows, for each socket of `all` that needs its other end, and has its queue taken out and filled again, and so for the message queues that this
  // member empties. Errors: abandoned, system, unsupported.
  Status exchange(const proto::Elected& elected, Descriptors& all) noexcept;
  // Waits until everything that was lent has been given back. To be called when the connection to the coordinator is closed: loans to this member may still be
  // under way in that, if it has failed, and their lender may wait for them as this one waits for that.
  void wait_for_return() noexcept;

 private:
  // The pipes of what was borrowed: given back at the end of their scope.
  class Borrowed {
   public:
    explicit Borrowed(Arena& arena) noexcept : pipes_(arena) {}
    Borrowed(const Borrowed&) = delete;
    ~Borrowed() {
      for (const int pipe : pipes_) sys::call(SYS_close, pipe);
    }
    Status keep(OwnedFd& pipe) noexcept {
      if (!pipes_.add(pipe.get())) return out_of_arena();
      pipe.release();
      return {};
    }

   private:
    List<int> pipes_;
  };

  Status lend(const proto::Lending& lending, const Descriptors& all) noexcept;
  Status borrow(Descriptors& all, Borrowed& queues) noexcept;
  Status refill(Description& description, int other) noexcept;

  Link& link_;
  Arena& arena_;
  List<int> lent_;  // reading ends of the pipes
};

}  // namespace stasis::hijack
