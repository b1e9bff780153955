// Lending and borrowing, see lending.hpp.
// World: hijack, leader.
#include "hijack/engine/lending.hpp"

#include <poll.h>

#include "hijack/kinds/message_queue.hpp"
#include "hijack/kinds/queue_refill.hpp"
#include "hijack/kinds/socket_diag.hpp"

namespace stasis::hijack {

void Lending::wait_for_return() noexcept {
  for (const int pipe : lent_) {
    pollfd events{pipe, 0, 0};  // POLLHUP: no writing end is left
    while (sys::call(SYS_poll, &events, 1, -1) == -EINTR) {
    }
    sys::call(SYS_close, pipe);
  }
  lent_.clear();
}

Status Lending::exchange(const proto::Elected& elected, Descriptors& all) noexcept {
  Status lending;
  elected.lendings.for_each([&](const proto::Lending& one) {
    if (lending.ok()) lending = lend(one, all);
  });
  STASIS_TRY(std::move(lending));
  std::uint32_t expected = 0, next = 0;
  Status own;
  elected.entries.for_each([&](const proto::ElectedEntry& entry) {
    const std::uint32_t index = next++;
    if (index >= all.descriptions.size() || !own.ok()) return;
    Description& description = all.descriptions[index];
    expected += entry.loans;
    if (description.other_end == 0 || !entry.recorder) return;
    if (entry.lent) return void(++expected);
    for (const Description& other : all.descriptions)  // both ends are this process's
      if (other.record.inode == description.other_end && other.record.kind == image::DescriptionKind::socket) {
        own = refill(description, other.fd);
        return;
      }
  });
  STASIS_TRY(std::move(own));
  Borrowed queues(arena_);
  for (; expected != 0; --expected) STASIS_TRY(borrow(all, queues));
  next = 0;
  elected.entries.for_each([&](const proto::ElectedEntry& entry) {
    const std::uint32_t index = next++;
    if (entry.empties && own.ok() && index < all.descriptions.size()) own = record_messages(all.descriptions[index], arena_);
  });
  return own;
}

Status Lending::borrow(Descriptors& all, Borrowed& queues) noexcept {
  OwnedFd other, pipe;
  STASIS_TRY_VALUE(const Frame frame, link_.receive(&other, &pipe));
  if (frame.type != proto::MessageType::lent) return error(ErrorCode::abandoned, "by the coordinator");
  proto::Lent lent;
  Reader(frame.payload).record(lent);
  if (!other.ok() || lent.lending.borrowed >= all.descriptions.size()) return error(ErrorCode::protocol, "a loan from the coordinator");
  Description& description = all.descriptions[lent.lending.borrowed];
  return description.record.kind == image::DescriptionKind::message_queue ? queues.keep(pipe) : refill(description, other.get());
}

Status Lending::lend(const proto::Lending& lending, const Descriptors& all) noexcept {
  if (lending.entry >= all.descriptions.size()) return error(ErrorCode::protocol, "a loan that the coordinator asks for");
  int ends[2];
  if (const long result = sys::call(SYS_pipe2, ends, O_CLOEXEC); result < 0) return system_error("make a pipe", result);
  const OwnedFd writing(ends[1]);
  if (!lent_.add(ends[0])) {
    sys::call(SYS_close, ends[0]);
    return out_of_arena();
  }
  // Not a queue itself: if the borrower closed that, a notification of it would be forgotten (mq_notify(3)).
  const Description& description = all.descriptions[lending.entry];
  const bool is_queue = description.record.kind == image::DescriptionKind::message_queue;
  return link_.send_with(proto::Lent{lending}, is_queue ? writing.get() : description.fd, writing.get());
}

Status Lending::refill(Description& description, int other) noexcept {
  STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(description.fd, arena_));
  STASIS_TRY_VALUE(const TcpFacts own, ask_tcp(names.own, names.peer));
  STASIS_TRY_VALUE(const TcpFacts there, ask_tcp(names.peer, names.own));
  if (!own.found || !there.found || there.sent <= own.received) return {};  // all has come over meanwhile
  STASIS_TRY_VALUE(description.refilled, take_and_refill(description.fd, other, own.unread + (there.sent - own.received), arena_));
  return {};
}

}  // namespace stasis::hijack
