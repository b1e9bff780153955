/* A netlink socket to the routing tables: bound, in a multicast group, asked before and after. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "stasis_test.h"

static void ask(int fd) {
  static char answer[65536];
  struct {
    struct nlmsghdr header;
    struct rtgenmsg family;
  } question = {{sizeof question, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {AF_UNSPEC}};
  CHECK(send(fd, &question, sizeof question, 0) == sizeof question);
  for (;;) {
    const ssize_t n = recv(fd, answer, sizeof answer, 0);
    CHECK(n > 0);
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    CHECK(header->nlmsg_seq == 7 && header->nlmsg_type != NLMSG_ERROR);
    if (header->nlmsg_type == NLMSG_DONE) return;
  }
}

int main(void) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK}, seen;
  socklen_t size = sizeof seen;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
  ask(fd);
  ready_and_wait();
  CHECK(getsockname(fd, (struct sockaddr *)&seen, &size) == 0 && seen.nl_groups == RTMGRP_LINK);
  ask(fd);
  return pass();
}
