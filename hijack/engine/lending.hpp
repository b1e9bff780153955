// Lending descriptors to another member for a moment, and borrowing: to send again what was taken out, at the other end of a connection, or into a message queue.
//
// With a descriptor goes the writing end of a pipe. The lender does not let its threads run before nobody has that end any more: so the borrower can finish
// whatever becomes of the checkpoint, and if it dies the kernel closes it. A message queue is lent by all who have it but the one who empties it, and so are both ends of a connection by all
// who have either: nothing is taken out before all loans have come, so until they are given back nobody else touches it.
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

  // Lends what `elected` says; then borrows for the message queues that this member empties and the connections that it takes out what is under way of, and has them taken out and filled again. Errors: abandoned, system, unsupported.
  Status exchange(const proto::Elected& elected, Descriptors& all) noexcept;
  // Waits until everything that was lent has been given back. To be called when the connection to the coordinator is closed: loans to this member may still be
  // under way in that, if it has failed, and their lender may wait for them as this one waits for that.
  void wait_for_return() noexcept;

 private:
  // What was borrowed: given back at the end of its scope.
  class Borrowed {
   public:
    explicit Borrowed(Arena& arena) noexcept : loans_(arena) {}
    Borrowed(const Borrowed&) = delete;
    ~Borrowed() {
      for (const Loan& loan : loans_) sys::call(SYS_close, loan.fd);
    }
    Status keep(OwnedFd& fd, std::uint32_t entry, bool is_other_end) noexcept {
      if (!loans_.add({fd.get(), entry, is_other_end})) return out_of_arena();
      fd.release();
      return {};
    }
    // -1 if there is none.
    int other_end_of(std::uint32_t entry) const noexcept {
      for (const Loan& loan : loans_)
        if (loan.entry == entry && loan.is_other_end) return loan.fd;
      return -1;
    }

   private:
    struct Loan {
      int fd = -1;
      std::uint32_t entry = 0;  // for which it came
      bool is_other_end = false;  // else the pipe
    };
    List<Loan> loans_;
  };

  Status lend(const proto::Lending& lending, const Descriptors& all) noexcept;
  Status borrow(Descriptors& all, Borrowed& loans) noexcept;
  static int find_own(std::uint64_t inode, const Descriptors& all) noexcept;
  Status refill(Description& description, int other) noexcept;

  Link& link_;
  Arena& arena_;
  List<int> lent_;  // reading ends of the pipes
};

}  // namespace stasis::hijack
