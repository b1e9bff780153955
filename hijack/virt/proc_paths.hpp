// Paths below /proc: which processes and threads the program means by them, and which program it is.
//
// /proc calls tasks by the kernel's ids, and after a restart without a user namespace /proc/self/exe is the restorer: no ordinary user may change that there.
// World: hijack, any thread, also in signal handlers and between vfork and exec.
#pragma once
#include <cstddef>

namespace stasis::hijack {

// A path as the kernel must be given it for the one that the program gives. Alive as long as this and that.
class KernelsPath {
 public:
  explicit KernelsPath(const char* path) noexcept : path_(path) {
    if (path != nullptr && path[0] == '/' && path[1] == 'p' && path[2] == 'r') look();
  }
  KernelsPath(const KernelsPath&) = delete;
  operator const char*() const noexcept { return path_; }

 private:
  static constexpr std::size_t kRoom = 512;  // longer paths lead through /proc to elsewhere, and stay as they are
  void look() noexcept;

  const char* path_;
  char copy_[kRoom];
};

// A path of the kernel's (what a link below /proc says, an absolute path, `size` bytes at `text` without an end) as the program knows it, where there is room for
// `room` bytes. Returns its length, at most `room`.
std::size_t programs_path(char* text, std::size_t size, std::size_t room) noexcept;

}  // namespace stasis::hijack
