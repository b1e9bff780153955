// Looking at what a pseudo-terminal holds, see terminal_drain.hpp.
//
// Input first, in the modes that it came in: reading until there is nothing more also makes the kernel's worker bring what was still on its way, and
// what that echoes is output. Of input in lines the last, unfinished one can only be read when the terminal does not wait for its end.
// World: hijack, leader.
#include "hijack/kinds/terminal_drain.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "core/sys/terminal_content.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

// More than a terminal holds in one direction: its line discipline's 4 KiB and the 8 KiB before it, which one write may exceed (n_tty.c, pty.c,
// tty_buffer.c); of input every character may be quoted.
constexpr std::size_t kMost = 64u << 10;
constexpr std::size_t kRead = 8192;  // more than a line

// A text that grows in a place of its own.
class Growing {
 public:
  explicit Growing(Arena& arena) noexcept : place_(static_cast<char*>(arena.take(kMost))) {}
  bool is_there() const noexcept { return place_ != nullptr; }
  void add(char c) noexcept {
    if (size_ != kMost) place_[size_++] = c;
  }
  std::string_view view() const noexcept { return {place_, size_}; }
  bool is_full() const noexcept { return size_ == kMost; }

 private:
  char* place_;
  std::size_t size_ = 0;
};

// The background of a terminal may not read it: where the terminal is the caller's own, its group is the foreground as long as this lives.
class Foreground {
 public:
  explicit Foreground(int slave) noexcept : slave_(slave) {
    const auto own = static_cast<int>(sys::call(SYS_getpgid, 0));
    if (sys::call(SYS_ioctl, slave, TIOCGPGRP, &group_) < 0 || group_ <= 0 || own == group_) return;
    if (sys::call(SYS_kill, -group_, 0) == -ESRCH) return;  // it could not be the foreground again
    taken_ = sys::call(SYS_ioctl, slave, TIOCSPGRP, &own) == 0;
  }
  ~Foreground() {
    if (taken_) sys::call(SYS_ioctl, slave_, TIOCSPGRP, &group_);
  }

 private:
  int slave_;
  int group_ = 0;
  bool taken_ = false;
};

class Look {
 public:
  Look(int master, int slave, image::PseudoTerminal& state, Arena& arena) noexcept
      : master_(master), slave_(slave), state_(state), input_(arena), later_(arena), output_(arena), buffer_(static_cast<char*>(arena.take(kRead))) {}

  Status run(Arena& arena) noexcept {
    if (buffer_ == nullptr || !input_.is_there() || !later_.is_there() || !output_.is_there()) return out_of_arena();
    if (const long result = sys::get_modes(master_, modes_); result < 0) return system_error("TCGETS2", result);
    keys_ = sys::typing_keys(modes_);
    state_.modes = arena.copy(modes_.bytes());
    if (state_.modes.empty()) return out_of_arena();
    long taken = take_input();
    if (taken == 0) taken = take_output();
    if (taken == 0) taken = start_output();
    state_.quote = keys_.quote, state_.end_mark = keys_.end_mark, state_.again = keys_.again;
    state_.input = input_.view(), state_.later_input = later_.view(), state_.output = output_.view();
    if (state_.packet) set_packets(0);
    const long put_back = sys::TerminalRefill(master_, slave_, state_).run();
    if (put_back < 0) return system_error("put back what a pseudo-terminal held", put_back);
    if (taken < 0) return system_error("look into a pseudo-terminal", taken);
    if (input_.is_full() || later_.is_full() || output_.is_full()) return error(ErrorCode::defect, "a pseudo-terminal holds more than it can");
    return {};
  }

 private:
  void set_packets(int on) const noexcept { sys::call(SYS_ioctl, master_, TIOCPKT, &on); }

  bool ends_line(char last) const noexcept {
    const auto c = static_cast<std::uint8_t>(last);
    return c == '\n' || (c != 0 && (c == modes_.keys[sys::kKeyEol] || (c == modes_.keys[sys::kKeyEol2] && (modes_.local & sys::kExtended) != 0)));
  }
  bool is_key(char one) const noexcept {
    const auto c = static_cast<std::uint8_t>(one);
    return c == keys_.quote || c == keys_.end_mark || c == keys_.again || c == '\n' || (c != 0 && (c == modes_.keys[sys::kKeyEol] || c == modes_.keys[sys::kKeyEol2]));
  }

  // A character as it is typed again; what the line discipline had no room for is written as it is.
  void add(char c, bool quoted) noexcept {
    if (held_++ >= sys::kLineBuffer) return later_.add(c);
    if (quoted) input_.add(static_cast<char>(keys_.quote));
    input_.add(c);
  }
  void add_line(std::string_view line) noexcept {
    const bool ended = !line.empty() && ends_line(line.back());
    const std::size_t text = line.size() - (ended ? 1 : 0);
    for (std::size_t i = 0; i != text; ++i) add(line[i], is_key(line[i]));
    if (ended) return add(line.back(), false);
    if (held_++ >= sys::kLineBuffer) later_.add(static_cast<char>(modes_.keys[sys::kKeyEof]));
    else input_.add(static_cast<char>(keys_.end_mark));
  }

  long take_input() noexcept {
    const bool lines = sys::gives_lines(modes_);
    const Foreground foreground(slave_);
    while (lines) {
      const long got = sys::call(SYS_read, slave_, buffer_, kRead);
      if (got == -EAGAIN) break;
      if (got < 0) return got;
      add_line({buffer_, static_cast<std::size_t>(got)});
    }
    if (lines) {
      sys::TerminalModes bare = modes_;
      bare.local &= ~(sys::kCanonical | sys::kEcho);
      bare.keys[sys::kKeyMin] = 1;
      if (const long result = sys::set_modes(slave_, bare); result < 0) return result;
    }
    for (;;) {
      const long got = sys::call(SYS_read, slave_, buffer_, kRead);
      if (got == -EAGAIN || got == 0) return 0;  // 0: VMIN is 0, too
      if (got < 0) return got;
      for (long i = 0; i != got; ++i) add(buffer_[i], lines && is_key(buffer_[i]));
    }
  }

  long take_output() noexcept {
    for (;;) {
      const long got = sys::call(SYS_read, master_, buffer_, kRead);
      if (got == -EAGAIN) return 0;
      if (got <= 0) return got < 0 ? got : -EIO;
      // In packet mode the first byte is what the master is told, or 0 before bytes.
      if (state_.packet) state_.packet_status |= static_cast<std::uint8_t>(buffer_[0]);
      for (long i = state_.packet ? 1 : 0; i != got; ++i) output_.add(buffer_[i]);
    }
  }

  // A terminal that is empty and cannot be written to is stopped. Which way shows by what makes it run again.
  long start_output() noexcept {
    if (sys::is_ready(slave_, POLLOUT, 0)) return 0;
    state_.stop = image::TerminalStop::by_call;
    call_flow(kFlowOn);
    if (!sys::is_ready(slave_, POLLOUT, 0)) {
      if (modes_.keys[sys::kKeyStop] != 0 && (modes_.input & sys::kXon) != 0) state_.stop = image::TerminalStop::by_key;
      call_flow(kFlowOff);
      call_flow(kFlowOn);
    }
    sys::call(SYS_write, slave_, "", 0);  // echoes that had to wait come now
    return take_output();
  }
  enum : int { kFlowOff = 0, kFlowOn = 1 };  // TCOOFF, TCOON
  void call_flow(int what) const noexcept { sys::call(SYS_ioctl, slave_, TCXONC, what); }

  int master_, slave_;
  image::PseudoTerminal& state_;
  sys::TerminalModes modes_;
  sys::TypingKeys keys_;
  Growing input_, later_, output_;
  char* buffer_;
  std::size_t held_ = 0;  // characters of input
};

}  // namespace

Status look_into_terminal(int master, int slave, image::PseudoTerminal& state, Arena& arena) noexcept { return Look(master, slave, state, arena).run(arena); }

}  // namespace stasis::hijack
