// Ids in the credentials that sockets carry: of the other end (SO_PEERCRED), and with messages (SCM_CREDENTIALS of unix(7)).
//
// The kernel takes only the sender's own id, and that by its own count: the control data that has one is copied and the copy corrected.
// World: hijack, any thread; a thread may be cancelled while it waits.
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

namespace {

template <class Change>
void for_each_credentials(msghdr& message, Change&& change) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS || part->cmsg_len < CMSG_LEN(sizeof(ucred))) continue;
    ucred who;
    std::memcpy(&who, CMSG_DATA(part), sizeof who);
    who.pid = change(who.pid);
    std::memcpy(CMSG_DATA(part), &who, sizeof who);
  }
}

bool has_credentials(const msghdr& message) noexcept {
  msghdr looked_at = message;
  bool any = false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&looked_at); part != nullptr; part = CMSG_NXTHDR(&looked_at, part))
    any |= part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS;
  return any;
}

constexpr std::size_t kMostControl = 4096;  // all that goes with credentials: descriptors, of which there are 253 at most

}  // namespace

STASIS_EXPORT int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  const int result = real::getsockopt(fd, level, name, value, length);
  if (result == 0 && level == SOL_SOCKET && name == SO_PEERCRED && *length == sizeof(ucred) && ids_are_virtual()) {
    auto* who = static_cast<ucred*>(value);
    who->pid = programs_id(who->pid);
  }
  return result;
}

STASIS_EXPORT ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  if (!ids_are_virtual() || message->msg_controllen > kMostControl || !has_credentials(*message)) return real::sendmsg(fd, message, flags);
  alignas(cmsghdr) char control[kMostControl];
  msghdr copy = *message;
  std::memcpy(control, message->msg_control, message->msg_controllen);
  copy.msg_control = control;
  for_each_credentials(copy, [](pid_t id) { return kernels_id(id); });
  return real::sendmsg(fd, &copy, flags);
}

// One after the other, as the kernel does: it stops at the first that fails, and tells of that only if nothing was sent.
STASIS_EXPORT int sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  bool any = false;
  if (ids_are_virtual())
    for (unsigned i = 0; i != count && !any; ++i) any = has_credentials(messages[i].msg_hdr);
  if (!any) return real::sendmmsg(fd, messages, count, flags);
  unsigned sent = 0;
  for (; sent != count; ++sent) {
    const ssize_t length = sendmsg(fd, &messages[sent].msg_hdr, flags);
    if (length < 0) return sent == 0 ? -1 : static_cast<int>(sent);
    messages[sent].msg_len = static_cast<unsigned>(length);
  }
  return static_cast<int>(sent);
}

STASIS_EXPORT ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  const ssize_t result = real::recvmsg(fd, message, flags);
  if (result >= 0 && ids_are_virtual()) for_each_credentials(*message, [](pid_t id) { return programs_id(id); });
  return result;
}

STASIS_EXPORT int recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, struct timespec* timeout) {
  const int result = real::recvmmsg(fd, messages, count, flags, timeout);
  for (int i = 0; i < result && ids_are_virtual(); ++i) for_each_credentials(messages[i].msg_hdr, [](pid_t id) { return programs_id(id); });
  return result;
}
