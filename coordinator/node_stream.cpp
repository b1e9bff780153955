// See node_stream.hpp.
// World: programs.
#include "coordinator/node_stream.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace stasis::coordinator {

void prepare_node_socket(int fd) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);      // seconds; three probes of five seconds follow
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 25'000);  // milliseconds
}

std::string peer_address(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char number[NI_MAXHOST] = "";
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(fd, generic, &length) == 0) ::getnameinfo(generic, length, number, sizeof number, nullptr, 0, NI_NUMERICHOST);
  const std::string text(number), mapped = "::ffff:";
  return text.starts_with(mapped) ? text.substr(mapped.size()) : text;
}

bool send_order(Connection& connection, const Order& order) {
  proto::NodeOrder message;
  message.kind = order.kind;
  message.generation = order.generation;
  message.exit_after = order.exit_after;
  message.signal = order.signal;
  message.part = order.place.part;
  message.address = order.place.address;
  message.port = order.place.port;
  return connection.send(message);
}

bool send_report(Connection& connection, const Report& report) {
  std::vector<proto::NodeImage> images;
  for (const store::ManifestImage& image : report.images) images.push_back({image.pid, image.program, image.path, image.bytes, image.digest, image.launch});
  std::vector<proto::NodeLaunch> launches;
  for (const Launch& launch : report.launches) launches.push_back({launch.id, launch.proxy, launch.undrained});
  proto::NodeReport message;
  message.kind = report.kind;
  message.generation = report.generation;
  message.code = report.failure.code;
  message.sys_errno = report.failure.sys_errno;
  message.detail = report.failure.detail.view();
  message.signal = report.signal;
  message.root = report.root;
  message.stopped_us = report.stopped_us;
  message.images = {images.data(), static_cast<std::uint32_t>(images.size())};
  message.launches = {launches.data(), static_cast<std::uint32_t>(launches.size())};
  message.streams = report.streams;
  return connection.send(message);
}

Order to_order(const Frame& frame) {
  const auto message = frame.as<proto::NodeOrder>();
  return {message.kind, message.generation, message.exit_after, message.signal, {std::string(message.part), std::string(message.address), message.port}};
}

Report to_report(const Frame& frame) {
  const auto message = frame.as<proto::NodeReport>();
  Report report;
  report.kind = message.kind;
  report.generation = message.generation;
  report.failure = error(message.code, message.detail);
  report.failure.sys_errno = message.sys_errno;
  report.signal = message.signal;
  report.root = message.root;
  report.stopped_us = message.stopped_us;
  message.images.for_each([&](const proto::NodeImage& image) {
    report.images.push_back({image.pid, std::string(image.program), std::string(image.path), image.bytes, image.digest, std::string(image.launch)});
  });
  message.launches.for_each([&](const proto::NodeLaunch& launch) { report.launches.push_back({std::string(launch.launch), launch.proxy, std::string(launch.undrained)}); });
  report.streams = message.streams;
  return report;
}

}  // namespace stasis::coordinator
