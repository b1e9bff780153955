// See drained.hpp.
// World: programs.
#include "launch_proxy/drained.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "core/codec/codec.hpp"
#include "core/environment.hpp"
#include "core/proto/frame.hpp"
#include "core/proto/messages.hpp"

namespace stasis::launch_proxy {
namespace {

constexpr time_t kPatienceSeconds = 10;

void send_request(const std::string& path, const proto::Request& request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  std::string frame(sizeof(proto::FrameHeader) + encoded_size(request), '\0');
  proto::FrameHeader header;
  header.type = static_cast<std::uint16_t>(proto::Request::kType);
  header.length = static_cast<std::uint32_t>(frame.size() - sizeof header);
  std::memcpy(frame.data(), &header, sizeof header);
  Writer writer(frame.data() + sizeof header, header.length);
  writer.record(request);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // holds for connect(2) too
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    [[maybe_unused]] const ssize_t sent = ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  ::close(fd);
}

}  // namespace

void tell_drained(const char* directory, const proto::DrainMarker& marker, int stream) {
  proto::Request request;
  request.verb = proto::Verb::drained;
  request.launch = marker.launch;
  request.nonce = marker.nonce;
  request.task = marker.task;
  request.stream = static_cast<std::uint32_t>(stream);
  // By a raw system call: the preloaded library lets nobody block the stop signal.
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  send_request(std::string(directory) + "/" + run_directory::kSocket, request);
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
}

}  // namespace stasis::launch_proxy
