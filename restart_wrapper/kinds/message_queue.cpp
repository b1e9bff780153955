// POSIX message queues (mq_overview(7)): found or made again under their names, with the messages of the checkpoint in their order.
//
// One that exists has what was sent and received after the checkpoint: it is emptied and filled again. One that was unlinked is made under its old name, or, if
// that is taken, under another, and unlinked again. With System V objects there is an IPC namespace of its own (system_v.hpp), in which no queue exists and the kernel's own limits count.
// World: programs, the first process of the new namespace; check: outside.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "core/image/states/message_queue.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

mq_attr attributes_of(const image::MessageQueue& queue) {
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(queue.most_messages), attributes.mq_msgsize = static_cast<long>(queue.message_size);
  return attributes;
}

// A queue that is there to be filled and opened.
struct Opened {
  UniqueFd fd;
  std::string name;  // as the kernel has it: without a slash
  bool made = false;
};

// Of "/name", or "/dev/mqueue/name" where the file system is mounted.
std::string name_of(const Description& description) {
  const std::string name(description.record.path);
  return name.substr(name.rfind('/') + 1);
}

// By name, not by way of /proc/self/fd: what open(2) opens shows O_LARGEFILE, what mq_open(3) opens does not.
UniqueFd open_queue(const std::string& name, int flags, const mq_attr* attributes = nullptr) {
  return UniqueFd(static_cast<int>(::syscall(SYS_mq_open, name.c_str(), flags | O_CLOEXEC, 0600, attributes)));
}

// The queue that has the name now; without a descriptor if there is none. Errors: file_changed, when it is another; system.
Result<Opened> open_existing(const Description& description, const image::MessageQueue& queue) {
  Opened opened{{}, name_of(description)};
  opened.fd = open_queue(opened.name, O_RDWR | O_NONBLOCK);
  if (!opened.fd && errno == ENOENT) return opened;
  if (!opened.fd) return system_error("open message queue " + label(description), -errno);
  mq_attr found{};
  if (::syscall(SYS_mq_getsetattr, opened.fd.get(), nullptr, &found) != 0) return system_error("look at message queue " + label(description), -errno);
  const mq_attr wanted = attributes_of(queue);
  if (found.mq_maxmsg != wanted.mq_maxmsg || found.mq_msgsize != wanted.mq_msgsize)
    return error(ErrorCode::file_changed, label(description)).with("there is a message queue with other attributes");
  return opened;
}

Error cannot_make(const Description& description, const image::MessageQueue& queue, int reason) {
  FixedString<320> detail("message queue ");
  detail.append(label(description)).append(" for ").append_number(queue.most_messages).append(" messages of ").append_number(queue.message_size).append(" bytes: ");
  if (reason == EINVAL) return error(ErrorCode::restore_failed, detail.append("more than /proc/sys/fs/mqueue allows"));
  if (reason == EMFILE) return error(ErrorCode::restore_failed, detail.append("with others of this user more bytes than RLIMIT_MSGQUEUE allows (ulimit -q)"));
  if (reason == ENOSPC) return error(ErrorCode::restore_failed, detail.append("one more than /proc/sys/fs/mqueue/queues_max allows"));
  return system_error(FixedString<320>("make ").append(detail), -reason);
}

// Without a descriptor if the name is taken.
Result<Opened> create(const std::string& name, const Description& description, const image::MessageQueue& queue) {
  const mq_attr attributes = attributes_of(queue);
  Opened opened{open_queue(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, &attributes), name, true};
  if (!opened.fd && errno != EEXIST) return cannot_make(description, queue, errno);
  return opened;
}

// The program may have raised its limit, which is brought back later.
void raise_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MSGQUEUE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MSGQUEUE, &limit);
}

Result<Opened> open_or_create(const Description& description, const image::MessageQueue& queue) {
  if (!description.record.deleted) {
    STASIS_TRY_VALUE(Opened opened, open_existing(description, queue));
    if (opened.fd) return opened;
  }
  STASIS_TRY_VALUE(Opened opened, create(name_of(description), description, queue));
  if (!opened.fd && !description.record.deleted) return system_error("make message queue " + label(description), -EEXIST);
  for (int number = 0; !opened.fd; ++number) {
    STASIS_TRY_VALUE(opened, create("stasis-" + std::to_string(description.record.inode) + "-" + std::to_string(number), description, queue));
  }
  return opened;
}

Status refill(int fd, const Description& description, const image::MessageQueue& queue) {
  std::vector<char> place(queue.message_size);
  while (::syscall(SYS_mq_timedreceive, fd, place.data(), place.size(), nullptr, nullptr) >= 0 || errno == EINTR) {
  }
  if (errno != EAGAIN) return system_error("empty message queue " + label(description), -errno);
  Status status;
  queue.messages.for_each([&](const image::QueuedMessage& message) {
    if (!status.ok() || ::syscall(SYS_mq_timedsend, fd, message.bytes.data(), message.bytes.size(), message.priority, nullptr) == 0) return;
    status = system_error("fill message queue " + label(description), -errno);
  });
  return status;
}

// The description whose recorder told the queue's state.
const Description& source_of(const std::vector<const Description*>& group) {
  const auto told = std::find_if(group.begin(), group.end(), [](const Description* one) { return !one->record.state.empty(); });
  return told == group.end() ? *group.front() : **told;
}

// What a new IPC namespace allows whoever is not root: DFLT_MSGMAX and DFLT_MSGSIZEMAX of linux/ipc_namespace.h.
Status check_own_namespace(const Description& description, const image::MessageQueue& queue) {
  constexpr std::uint64_t kMessages = 10, kSize = 8192;
  if (::geteuid() == 0 || (queue.most_messages <= kMessages && queue.message_size <= kSize)) return {};
  return cannot_make(description, queue, EINVAL);
}

// Whether all that are missing can be made, is found out by making them, for a moment and under names of ours.
Status check(const Computation& computation, std::span<const Description* const> all) {
  raise_limit();
  std::vector<UniqueFd> made;
  for (const auto& group : by_object(all)) {
    const Description& source = source_of(group);
    STASIS_TRY_VALUE(const image::MessageQueue queue, state_of<image::MessageQueue>(source));
    if (computation.own_ipc) {
      STASIS_TRY(check_own_namespace(source, queue));
    } else if (!source.record.deleted) {
      STASIS_TRY_VALUE(const Opened existing, open_existing(source, queue));
      if (existing.fd) continue;
    }
    STASIS_TRY_VALUE(Opened opened, create("stasis-" + std::to_string(::getpid()) + "-" + std::to_string(made.size()), source, queue));
    if (opened.fd) ::syscall(SYS_mq_unlink, opened.name.c_str());
    made.push_back(std::move(opened.fd));
  }
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  raise_limit();
  for (const auto& group : by_object(all)) {
    const Description& source = source_of(group);
    STASIS_TRY_VALUE(const image::MessageQueue queue, state_of<image::MessageQueue>(source));
    STASIS_TRY_VALUE(Opened opened, open_or_create(source, queue));
    STASIS_TRY(refill(opened.fd.get(), source, queue));
    for (const Description* one : group) {
      UniqueFd again = open_queue(opened.name, open_flags(one->record));
      if (!again) return system_error("open message queue " + label(*one), -errno);
      STASIS_TRY(workshop.put(one->record.id, again.release()));
    }
    if (opened.made && ::fchmod(opened.fd.get(), source.record.mode & 07777) != 0) return system_error("set the mode of message queue " + label(source), -errno);
    if (source.record.deleted) ::syscall(SYS_mq_unlink, opened.name.c_str());
  }
  return {};
}

}  // namespace

const Kind kinds_detail::message_queue{image::DescriptionKind::message_queue, check, recreate};

}  // namespace stasis::restart
