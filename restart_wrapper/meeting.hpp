// TCP connections between parts of a computation: how their two ends find each other at a restart, wherever their nodes are now.
//
// An end is known by the two addresses that the connection had; in which part the other end is nobody has written down, but on which node it was its address tells. The parts
// have an order, in which whoever launches a part comes before it. The later part listens, the earlier calls and asks for one end after the other. It may be that the
// earlier one's processes must be there before the later part can be launched: so its sockets are made first and call later (`keep`, `call_all`), while the later part makes
// none before it knows which of its ends were called (`receive`): only what is called needs a socket that is accepted. A part that has asked for all its ends says so to every later one. Nobody waits
// for a later part but to call it, so nobody waits in a circle.
// The connection over which two ends have met is theirs. What was in their queues goes over it first, each to the other's side, which sends it again.
// World: programs, the first process of the new namespace. All calls block.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/proto/messages.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/coordinator_voice.hpp"
#include "restart_wrapper/kinds/inet_address.hpp"
#include "restart_wrapper/kinds/sockets.hpp"

namespace stasis::restart {

class Meeting {
 public:
  // `manifest` of the whole generation; `part` is this one's name; `control_fd` the way to the outer process.
  Meeting(const store::Manifest& manifest, const std::string& part, int control_fd);

  // Listens, for other parts to call. Before the coordinator is started, which tells them where. Errors: system.
  Status open();
  std::uint16_t port() const { return four_.port; }
  // How to hear of the other parts, and the computation's key. Before anything of what follows.
  void take_voice(CoordinatorVoice& voice, const std::string& key) { voice_ = &voice, key_ = key; }

  // Whether the other end of a connection may be in another part; in an earlier one, which will ask for it; in a later one, which is to be called.
  bool concerns(const Socket& socket) const { return !parts_with(socket).empty(); }
  bool may_be_asked_for(const Socket& socket) const;
  bool may_call(const Socket& socket) const;

  // `socket.fd` will call when a later part that may have the other end is there. Keeps a copy of the descriptor. Errors: system.
  Status keep(const Socket& socket, HighNumbers& numbers);
  // Waits until all earlier parts have asked for their ends. Those of `ends` that were asked for have sockets then, with what was in their queues. `listeners` have theirs.
  // To be called once, with what there is. Errors: restore_failed, system.
  Status receive(const std::vector<Socket*>& ends, const std::vector<Socket*>& listeners);
  bool has_received() const { return has_received_; }
  // Where the listener is now that `socket`, whose other end nobody had, is still to be accepted by. Null if there is none in an earlier part.
  Result<UniqueFd> call_earlier_listener(const Socket& socket) const;
  // Calls for all that was kept, and waits for the parts that are to be called. Errors: restore_failed, system.
  Status call_all();

 private:
  struct Listener {
    UniqueFd fd;
    std::uint16_t port = 0;  // host order
  };
  struct Part {
    store::ManifestPart shape;
    Place place;             // where it is, when that has been told
    bool is_done = false;    // earlier: it has asked for all its ends; later: it knows that there is nothing more to be asked for
  };
  struct Caller {  // a socket that is to call
    int fd = -1;
    image::SocketState state;   // points into the image
    std::vector<SocketMessage> messages;
    std::set<std::size_t> left;  // parts that may have the other end
  };

  static Result<Listener> listen(int family);
  std::set<std::size_t> parts_with(const Socket& socket) const;
  std::set<std::size_t> parts_with(const InetAddress& peer) const;
  Status watch(int fd, short events, int limit_ms) const;
  Status send_all(int fd, std::string_view bytes) const;
  Result<std::string> read_frame(int fd, proto::MessageType type, int limit_ms) const;
  Status serve(const Listener& listener, int family);
  Status answer(UniqueFd connection, const proto::MeetingHail& hail, int family);
  void take_places();
  Status call_told();
  Status call_part(std::size_t index);
  Status call(Caller& caller, std::size_t index);
  Status say_all(std::size_t index);
  Result<std::string> ask(int fd, std::size_t index, std::uint16_t port, proto::MeetingHail hail) const;
  Status connect(int fd, int family, const std::string& address, std::uint16_t port) const;
  Status end_calls(Caller& caller) const;

  std::vector<Part> parts_;        // in their order
  std::size_t own_ = 0;            // index of this one
  int control_fd_;
  std::string key_;
  CoordinatorVoice* voice_ = nullptr;
  Listener four_, six_;            // for sockets of either family
  std::vector<Socket*> ends_, listeners_;
  std::map<InetAddress, std::pair<std::size_t, std::uint16_t>> listening_;  // of earlier parts: old address; part and present port
  std::vector<std::pair<std::string, std::uint16_t>> own_listeners_;  // the same of this one, for later parts
  std::deque<Caller> callers_;
  bool has_received_ = false;
};

}  // namespace stasis::restart
