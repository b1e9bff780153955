// See log.hpp.
// World: programs.
#include "coordinator/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <string_view>

namespace stasis::coordinator {
namespace {
int log_fd = -1;
constexpr std::string_view kBefore = "coordinator.", kAfter = ".log";
}

void open_log(const std::string& path) { log_fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600); }

void log_line(const std::string& line) {
  if (log_fd < 0) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::localtime_r(&now.tv_sec, &parts);
  char stamp[64];
  const std::size_t length = std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  const std::string millis = std::to_string(1'000 + now.tv_nsec / 1'000'000).substr(1);
  const std::string text = std::string(stamp, length) + "." + millis + " " + line + "\n";
  static_cast<void>(!::write(log_fd, text.data(), text.size()));
}

std::string part_log_name(const std::string& part) { return std::string(kBefore) + part + std::string(kAfter); }

std::string part_of_log(const std::string& name) {
  if (name.size() <= kBefore.size() + kAfter.size() || !name.starts_with(kBefore) || !name.ends_with(kAfter)) return {};
  return name.substr(kBefore.size(), name.size() - kBefore.size() - kAfter.size());
}

}  // namespace stasis::coordinator
