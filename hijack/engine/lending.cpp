// Lending and borrowing, see lending.hpp.
// World: hijack, leader.
#include "hijack/engine/lending.hpp"

#include <poll.h>

#include "hijack/kinds/message_queue.hpp"
#include "hijack/kinds/queue_refill.hpp"

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
  elected.entries.for_each([&](const proto::ElectedEntry& entry) { expected += entry.loans; });
  Borrowed loans(arena_);
  for (; expected != 0; --expected) STASIS_TRY(borrow(all, loans));
  // Only now: whoever could touch what is taken out stands still until the loans are given back.
  Status own;
  elected.entries.for_each([&](const proto::ElectedEntry& entry) {
    const std::uint32_t index = next++;
    if (index >= all.descriptions.size() || !own.ok()) return;
    Description& description = all.descriptions[index];
    if (entry.empties) own = record_messages(description, arena_);
    else if (description.other_end != 0 && entry.recorder) own = refill(description, entry.lent ? loans.other_end_of(index) : find_own(description.other_end, all));
  });
  return own;
}

Status Lending::borrow(Descriptors& all, Borrowed& loans) noexcept {
  OwnedFd other, pipe;
  STASIS_TRY_VALUE(const Frame frame, link_.receive(&other, &pipe));
  if (frame.type != proto::MessageType::lent) return error(ErrorCode::abandoned, "by the coordinator");
  proto::Lent lent;
  Reader(frame.payload).record(lent);
  if (!other.ok() || !pipe.ok() || lent.lending.borrowed >= all.descriptions.size()) return error(ErrorCode::protocol, "a loan from the coordinator");
  const Description& description = all.descriptions[lent.lending.borrowed];
  struct stat status{};
  const bool is_other_end = description.other_end != 0 && sys::call(SYS_fstat, other.get(), &status) == 0 && status.st_ino == description.other_end;
  STASIS_TRY(loans.keep(pipe, lent.lending.borrowed, false));
  return is_other_end ? loans.keep(other, lent.lending.borrowed, true) : Status();
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

// -1 if this process has it not.
int Lending::find_own(std::uint64_t inode, const Descriptors& all) noexcept {
  for (const Description& other : all.descriptions)
    if (other.record.inode == inode && other.record.kind == image::DescriptionKind::socket) return other.fd;
  return -1;
}

// Without the other end it is outside the computation, and what it holds its own affair.
Status Lending::refill(Description& description, int other) noexcept {
  if (other < 0) return {};
  Result<std::string_view> bytes = take_and_refill(description.fd, other, arena_);
  if (!bytes.ok()) return bytes.error().with(FixedString<320>("descriptor ").append_signed(description.fd).append(" (").append(description.record.path).append(")"));
  description.refilled = *bytes;
  return {};
}

}  // namespace stasis::hijack
