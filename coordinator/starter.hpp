// Who started the coordinator and waits for it, at the other end of --ready-fd: gets a line when the coordinator can be reached, and in a restart one
// more when all processes of all parts are there and run; before that "place PART ADDRESS PORT" for every other part that has come, where connections to it are made anew. In place of either comes "error: " and why. The end of the pipe without it says that the
// coordinator has ended.
// World: programs.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "coordinator/log.hpp"
#include "coordinator/node_link.hpp"
#include "core/base/sentence.hpp"

namespace stasis::coordinator {

class Starter {
 public:
  // `fd` -1: nobody waits.
  explicit Starter(int fd) : fd_(fd) {
    if (fd_ >= 0) ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;
  ~Starter() { leave(); }

  bool waits() const { return fd_ >= 0; }
  void say(const std::string& line) {
    const std::string text = line + "\n";
    if (fd_ >= 0) static_cast<void>(!::write(fd_, text.data(), text.size()));
  }
  void leave() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void say_place(const MeetingPlace& place) { say("place " + place.part + " " + place.address + " " + std::to_string(place.port)); }
  void say_running() { say("running"), leave(); }
  void say_failed(const Error& failure) { say("error: " + sentence(failure)), leave(); }

 private:
  int fd_;
};

}  // namespace stasis::coordinator
