// See coordinator_voice.hpp.
// World: programs.
#include "restart_wrapper/coordinator_voice.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

namespace stasis::restart {
namespace {

// Its reason, in the words of the catalogue; what those say of the restart we say ourselves.
Error reason_of(std::string_view line, bool has_started) {
  for (const std::string& start : {std::string("error: "), std::string(describe(ErrorCode::restore_failed).text) + ": "})
    if (line.starts_with(start)) line.remove_prefix(start.size());
  return has_started ? error(ErrorCode::restore_failed, line) : error(ErrorCode::restore_failed, line).with("the coordinator did not start");
}

}  // namespace

Status CoordinatorVoice::wait_for(std::string_view wanted, int deadline_ms, int control_fd) {
  while (lines_.empty()) {
    pollfd events[] = {{fd_, POLLIN, 0}, {control_fd, POLLRDHUP, 0}};
    const int ready = ::poll(events, 2, deadline_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return error(ErrorCode::restore_failed, "the coordinator did not start in time");
    if (events[1].revents != 0) return error(ErrorCode::restore_failed, "the outer process is gone");
    STASIS_TRY(listen(wanted));
  }
  const std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line == wanted ? Status() : Status(reason_of(line, wanted != "ready"));
}

Status CoordinatorVoice::listen(std::string_view wanted) {
  char bytes[4096];
  const ssize_t got = ::read(fd_, bytes, sizeof bytes);
  if (got <= 0) return error(ErrorCode::restore_failed, "the coordinator ended before it was " + std::string(wanted));
  said_.append(bytes, static_cast<std::size_t>(got));
  for (std::size_t end; (end = said_.find('\n')) != std::string::npos; said_.erase(0, end + 1)) {
    const std::string line = said_.substr(0, end);
    std::istringstream words(line);
    Place place;
    if (std::string what; words >> what && what == "place" && words >> place.part >> place.address >> place.port) places_.push_back(place);
    else if (line.starts_with("error: ")) return reason_of(line, wanted != "ready");
    else lines_.push_back(line);
  }
  return {};
}

}  // namespace stasis::restart
