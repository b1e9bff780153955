// POSIX message queues (mq_overview(7)), see message_queue.hpp.
//
// Messages come out in their order, and going in so they have it again. But a message that comes into an empty queue uses up a registration for notification. Where there is one, the queue
// is never empty: a message of ours, a *stand-in*, of the priority of the last one, is put behind that before that is taken out, and taken out itself when the first of that priority is back
// behind it. The kernel does not tell the priority of a message that waits. But a stand-in of a higher one comes out before it: so ours go down from the highest that is possible until the
// last message comes out instead.
// World: hijack, leader; what touches messages: its process of a moment.
#include "hijack/kinds/message_queue.hpp"

#include <mqueue.h>
#include <poll.h>
#include <sys/vfs.h>

#include "core/image/states/message_queue.hpp"
#include "hijack/kinds/queue_senders.hpp"
#include "hijack/kinds/queue_visit.hpp"
#include "hijack/rt/fault.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kHighestPriority = 32767;  // MQ_PRIO_MAX of linux/limits.h, less one
constexpr timespec kLongAgo{0, 0};                 // a call that would wait ends with ETIMEDOUT, whatever O_NONBLOCK is

bool recognise(Description& description) noexcept {
  struct statfs system{};
  if (!S_ISREG(description.status.st_mode) || sys::call(SYS_fstatfs, description.fd, &system) < 0 || system.f_type != image::kMessageQueueFileSystem) return false;
  description.record.kind = image::DescriptionKind::message_queue;
  description.record.deleted = description.status.st_nlink == 0;  // its name is none of the file system that the engine looks in
  return true;
}

Status record(Description& description, Sink&) noexcept {
  if (description.locked_by_process || description.record.locks.size() != 0) return error(ErrorCode::unsupported, "a message queue that is locked like a file");
  return {};
}

class Emptying {
 public:
  explicit Emptying(Arena& arena) noexcept : arena_(arena), messages_(arena) {}

  static void run(int queue, void* self) noexcept {
    auto& emptying = *static_cast<Emptying*>(self);
    emptying.queue_ = queue;
    emptying.status_ = emptying.take_and_send_again();
  }
  Status& status() noexcept { return status_; }
  image::MessageQueue state() const noexcept { return {most_, size_, {messages_.begin(), messages_.size()}}; }

 private:
  Status take_and_send_again() noexcept {
    mq_attr attributes{};
    if (const long result = sys::call(SYS_mq_getsetattr, queue_, nullptr, &attributes); result < 0) return system_error("look at a message queue", result);
    most_ = static_cast<std::uint64_t>(attributes.mq_maxmsg), size_ = static_cast<std::uint64_t>(attributes.mq_msgsize);
    count_ = static_cast<std::uint32_t>(attributes.mq_curmsgs);
    if (count_ == 0) return {};
    STASIS_TRY_VALUE(const QueueFacts facts, read_queue_facts(queue_));
    if (facts.has_registration && most_ == 1) return error(ErrorCode::unsupported, "a message queue that has room for one message, which waits, and somebody who is to be notified of the next one");
    if (count_ == most_) {
      STASIS_TRY_VALUE(const std::int32_t sender, find_waiting_sender(queue_));
      if (sender != 0) return error(ErrorCode::unsupported, FixedString<160>("a full message queue that process ").append_signed(sender).append(" outside the computation waits to send to"));
    }
    // All the room first: once a message is out nothing may fail.
    place_ = static_cast<char*>(arena_.take((count_ + 1) * size_));
    for (std::uint32_t i = 0; i != count_; ++i)
      if (place_ == nullptr || !messages_.add({})) return out_of_arena();
    messages_.clear();
    return facts.has_registration ? go_round_stand_in() : go_round();
  }

  Status go_round() noexcept {
    while (messages_.size() != count_ && take(messages_)) {
    }
    const Status failed = fault(Fault::queue_taken);
    STASIS_TRY(send_all(count_));
    return failed;
  }

  Status go_round_stand_in() noexcept {
    while (messages_.size() + 1 < count_ && take(messages_)) {
    }
    const bool has_stand_in = take_last();
    Status failed = fault(Fault::queue_taken);
    if (!has_stand_in) {
      STASIS_TRY(send_all(count_));
      return failed;
    }
    // What is sent now comes behind the stand-in, and what has a higher priority before both.
    std::uint32_t first = messages_.size() - 1;
    while (first != 0 && messages_[first - 1].priority == messages_[first].priority) --first;
    STASIS_TRY(send(messages_[first]));
    image::QueuedMessage stand_in;
    receive(stand_in);
    STASIS_TRY(send_all(first));
    return failed;
  }

  // Puts a stand-in in the place of the last message. False if somebody outside the computation was quicker: then there is neither.
  bool take_last() noexcept {
    const std::uint32_t highest = messages_.empty() ? kHighestPriority : messages_.back().priority;
    for (std::uint32_t tried = highest + 1; tried-- != 0;)
      // Two that differ: the message might be equal to the first one.
      for (const std::string_view bytes : {std::string_view(), std::string_view("?")}) {
        if (!send({tried, bytes}).ok()) return false;
        image::QueuedMessage taken;
        if (!receive(taken)) return false;
        if (taken.priority == tried && taken.bytes == bytes) continue;
        messages_.add(taken);
        return true;
      }
    return false;
  }

  bool take(List<image::QueuedMessage>& messages) noexcept {
    image::QueuedMessage message;
    return receive(message) && messages.add(message);
  }

  // Into the room behind the messages that have been taken.
  bool receive(image::QueuedMessage& message) noexcept {
    char* place = place_ + messages_.size() * size_;
    long length;
    do length = sys::call(SYS_mq_timedreceive, queue_, place, size_, &message.priority, &kLongAgo);
    while (length == -EINTR);
    if (length < 0) return false;
    message.bytes = {place, static_cast<std::size_t>(length)};
    return true;
  }

  // All but the one that is back.
  Status send_all(std::uint32_t back) noexcept {
    for (std::uint32_t i = 0; i != messages_.size(); ++i)
      if (i != back) STASIS_TRY(send(messages_[i]));
    return {};
  }

  // Whatever it takes: these messages are the program's and nowhere else now.
  Status send(const image::QueuedMessage& message) noexcept {
    for (;;) {
      const long sent = sys::call(SYS_mq_timedsend, queue_, message.bytes.data(), message.bytes.size(), message.priority, &kLongAgo);
      if (sent == 0) return {};
      if (sent == -EINTR) continue;
      if (sent != -ETIMEDOUT && sent != -EAGAIN) return system_error("send again what was in a message queue", sent);
      pollfd events{queue_, POLLOUT, 0};  // somebody outside the computation was quicker
      sys::call(SYS_poll, &events, 1, -1);
    }
  }

  Arena& arena_;
  List<image::QueuedMessage> messages_;
  int queue_ = -1;
  std::uint64_t most_ = 0, size_ = 0;
  std::uint32_t count_ = 0;
  char* place_ = nullptr;
  Status status_;
};

}  // namespace

Status record_messages(Description& description, Arena& arena) noexcept {
  const auto named = [&](const Error& failure) { return failure.with(FixedString<320>("descriptor ").append_signed(description.fd).append(" (").append(description.record.path).append(")")); };
  Emptying emptying(arena);
  if (const Status status = visit_queue(description.fd, O_RDWR, arena, Emptying::run, &emptying); !status.ok()) return named(status.error());
  if (!emptying.status().ok()) return named(emptying.status().error());
  return set_state(description, arena, emptying.state());
}

const Kind kinds_detail::message_queue{recognise, record};

}  // namespace stasis::hijack
