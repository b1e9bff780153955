// Watching files: the paths (hijack/engine/watched_paths.hpp).
//
// World: hijack, any thread.
#include "hijack/engine/settings.hpp"
#include "hijack/engine/watched_paths.hpp"
#include "hijack/interpose/real.hpp"

using namespace stasis::hijack;

STASIS_EXPORT int inotify_add_watch(int fd, const char* path, std::uint32_t events) noexcept {
  const int number = real::inotify_add_watch(fd, path, events);
  if (number >= 0 && settings.standing == Standing::member) note_watched_path(path);
  return number;
}
