// Looking at a receive queue, see socket_queue.hpp.
//
// With SO_PEEK_OFF each look begins where the one before ended (for datagrams the sum of their lengths; TCP: Linux 6.9). Older kernels show
// all of a TCP stream at once. The offset is put back as it was.
// World: hijack, leader.
#include "hijack/kinds/socket_queue.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hijack/rt/file.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {

namespace {
constexpr int kPidfd = 4;  // SCM_PIDFD of linux/socket.h, Linux 6.5: made anew for every look
}

bool SocketQueue::stream() const noexcept { return type_ == SOCK_STREAM; }

Status SocketQueue::seek(std::int64_t offset) noexcept {
  const int value = static_cast<int>(offset);
  const long result = sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof value);
  return result < 0 ? Status(system_error("look into a socket's queue", result)) : Status();
}

Status SocketQueue::open(std::uint64_t received) noexcept {
  socklen_t size = sizeof old_offset_;
  sys::call(SYS_getsockopt, fd_, SOL_SOCKET, SO_PEEK_OFF, &old_offset_, &size);
  int wanted = 0;
  size = sizeof wanted;
  credentials_ = sys::call(SYS_getsockopt, fd_, SOL_SOCKET, SO_PASSCRED, &wanted, &size) == 0 && wanted != 0;
  pollfd events{fd_, 0, 0};
  sys::call(SYS_poll, &events, 1, 0);
  failed_ = (events.revents & POLLERR) != 0;
  int unread = 0;  // of TCP up to a byte of urgent data
  if (const long result = sys::call(SYS_ioctl, fd_, FIONREAD, &unread); result < 0) return system_error("FIONREAD", result);
  left_ = static_cast<std::uint64_t>(unread);
  if (stream() && domain_ != AF_UNIX) {
    urgent_ = sys::call(SYS_recvfrom, fd_, &urgent_byte_, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT, nullptr, nullptr) == 1;
    if (urgent_ || left_ + 1 < received) urgent_at_ = unread;  // the byte is there, or was taken and its place is left
  }
  if (failed_ && !stream()) return {};
  if (seek(0).ok()) offset_set_ = true;
  else if (domain_ == AF_UNIX || !stream()) return system_error("look into a socket's queue", -EOPNOTSUPP);
  else if (urgent_at_ >= 0) return error(ErrorCode::unsupported, "a TCP connection with urgent data, which this kernel does not let be looked at (it takes Linux 6.9)");
  buffer_size_ = offset_set_ || left_ == 0 ? kPiece : left_;
  buffer_ = static_cast<char*>(arena_.take(buffer_size_));
  return buffer_ == nullptr ? Status(out_of_arena()) : Status();
}

SocketQueue::~SocketQueue() {
  if (offset_set_) sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_PEEK_OFF, &old_offset_, sizeof old_offset_);
}

Result<bool> SocketQueue::next(QueuedMessage& message) noexcept {
  message = {};
  if (buffer_ == nullptr) return false;  // an error waits in front of the datagrams: it would be taken
  if (stream() && at_ == urgent_at_) {
    urgent_at_ = -1;
    STASIS_TRY(seek(++at_));  // its place counts, though it is passed over
    message.urgent = urgent_;
    message.bytes = {&urgent_byte_, 1};
    if (urgent_) return true;
  }
  if (failed_ && static_cast<std::uint64_t>(at_) >= left_) return false;
  if (!offset_set_ && at_ != 0) return false;
  return peek(message, buffer_, buffer_size_);
}

// One look from where the offset is. Without room for them the kernel makes no copies of descriptors; credentials, if the socket wants them, come first.
long SocketQueue::look(msghdr& header, iovec& part, char* control, std::size_t room) noexcept {
  header = {};
  header.msg_iov = &part, header.msg_iovlen = 1;
  header.msg_name = sender_, header.msg_namelen = sizeof sender_;
  header.msg_control = room == 0 ? nullptr : control, header.msg_controllen = room;
  return sys::call(SYS_recvmsg, fd_, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (stream() ? 0 : MSG_TRUNC));
}

// How many of the first `size` bytes of a stream, the last of which came with descriptors, came before those. A look ends behind the piece that has
// descriptors; given room for all but the last byte, and then an address that cannot be written, it ends in front of that piece, for pieces are copied whole.
Result<std::size_t> SocketQueue::bytes_before_rights(char* buffer, std::size_t size) noexcept {
  STASIS_TRY(seek(at_));
  if (size == 1) return std::size_t{0};
  iovec parts[2] = {{buffer, size - 1}, {nullptr, 1}};
  msghdr header{};
  header.msg_iov = parts, header.msg_iovlen = 2;
  const long got = sys::call(SYS_recvmsg, fd_, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && got != -EFAULT) return system_error("look into a socket's queue", got);
  STASIS_TRY(seek(at_));
  return got < 0 ? std::size_t{0} : static_cast<std::size_t>(got);
}

Result<bool> SocketQueue::peek(QueuedMessage& message, char* buffer, std::size_t size) noexcept {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * kMostRights)];
  const std::size_t small = credentials_ ? CMSG_SPACE(sizeof(ucred)) : 0;
  iovec part{buffer, size};
  if (stream() && urgent_at_ > at_ && urgent_at_ - at_ < static_cast<std::int64_t>(size)) part.iov_len = static_cast<std::size_t>(urgent_at_ - at_);
  msghdr header;
  long got = look(header, part, control, small);
  if (got == -EAGAIN || got == -ENOTCONN || (got == 0 && type_ != SOCK_DGRAM)) return false;
  if (got < 0) return system_error("look into a socket's queue", got);
  message.has_rights = (header.msg_flags & MSG_CTRUNC) != 0;
  // Anew with more room: for the whole of a datagram; and for all bytes that came with the same descriptors, or those would be seen twice.
  const bool larger = !stream() && static_cast<std::size_t>(got) > size;
  if (larger || (stream() && message.has_rights && static_cast<std::size_t>(got) == size)) {
    buffer_size_ = larger ? static_cast<std::size_t>(got) : 2 * size;
    buffer_ = static_cast<char*>(arena_.take(buffer_size_));
    if (buffer_ == nullptr) return out_of_arena();
    STASIS_TRY(seek(at_));
    return peek(message, buffer_, buffer_size_);
  }
  if (stream() && message.has_rights) {
    STASIS_TRY_VALUE(const std::size_t before, bytes_before_rights(buffer, static_cast<std::size_t>(got)));
    if (before != 0) part.iov_len = before, message.has_rights = false;
    if (before != 0 && (got = look(header, part, control, small)) < 0) return system_error("look into a socket's queue", got);
  }
  if (message.has_rights) {
    STASIS_TRY(seek(at_));
    if ((got = look(header, part, control, rights_ ? sizeof control : small)) < 0) return system_error("look into a socket's queue", got);
  }
  take_control(header, message);
  if (rights_ && message.has_rights && (header.msg_flags & MSG_CTRUNC) != 0) {
    for (std::uint32_t i = 0; i != message.right_count; ++i) sys::call(SYS_close, right_numbers_[i]);
    return error(ErrorCode::unsupported, "descriptors in flight cannot be looked at, for the process has too few numbers left");
  }
  at_ += got;
  message.bytes = {buffer, static_cast<std::size_t>(got)};
  message.sender = {sender_, header.msg_namelen <= sizeof sender_ ? header.msg_namelen : 0};
  return true;
}

void SocketQueue::take_control(const msghdr& header, QueuedMessage& message) noexcept {
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(const_cast<msghdr*>(&header), item)) {
    if (item->cmsg_level != SOL_SOCKET) continue;
    if (item->cmsg_type == SCM_CREDENTIALS) {
      ucred who;
      std::memcpy(&who, CMSG_DATA(item), sizeof who);
      message.credentials = {programs_id(who.pid), who.uid, who.gid};
    }
    if (item->cmsg_type == kPidfd) {
      int unwanted;
      std::memcpy(&unwanted, CMSG_DATA(item), sizeof unwanted);
      sys::call(SYS_close, unwanted);
    }
    if (item->cmsg_type == SCM_RIGHTS) {
      message.right_count = static_cast<std::uint32_t>((item->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(right_numbers_, CMSG_DATA(item), message.right_count * sizeof(int));
      message.rights = right_numbers_;
    }
  }
}

}  // namespace stasis::hijack
