// See coordinator_life.hpp.
// World: SPANK.
#include "spank_plugin/coordinator_life.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>

namespace stasis::spank {
namespace {

constexpr int kPatienceMs = 1000;  // as long as slurmstepd would sleep

// One message with one descriptor, as sendmsg(2) and recvmsg(2) want it.
struct DescriptorMessage {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  DescriptorMessage() {
    header.msg_iov = &data, header.msg_iovlen = 1;
    header.msg_control = control, header.msg_controllen = sizeof control;
  }
};

}  // namespace

CoordinatorLife::~CoordinatorLife() {
  for (const int end : {receiving_, sending_})
    if (end >= 0) ::close(end);
}

void CoordinatorLife::open() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0) receiving_ = ends[0], sending_ = ends[1];
}

void CoordinatorLife::announce_self() const {
  const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  if (self < 0 || sending_ < 0) return;
  DescriptorMessage message;
  cmsghdr* const control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET, control->cmsg_type = SCM_RIGHTS, control->cmsg_len = CMSG_LEN(sizeof self);
  std::memcpy(CMSG_DATA(control), &self, sizeof self);
  ::sendmsg(sending_, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void CoordinatorLife::wait_for_end() const {
  for (;;) {
    DescriptorMessage message;
    if (receiving_ < 0 || ::recvmsg(receiving_, &message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return;
    const cmsghdr* const control = CMSG_FIRSTHDR(&message.header);
    if (control == nullptr || control->cmsg_type != SCM_RIGHTS) continue;
    pollfd coordinator{-1, POLLIN, 0};
    std::memcpy(&coordinator.fd, CMSG_DATA(control), sizeof coordinator.fd);
    ::poll(&coordinator, 1, kPatienceMs);
    ::close(coordinator.fd);
  }
}

}  // namespace stasis::spank
