// What a pseudo-terminal holds on its way in both directions, and how it is put back.
//
// The kernel shows none of it: it can only be read, which takes it out. So whoever wants to know takes all out and puts it back at once, while
// nobody else runs; a restart puts it into a new pair in the same way. Output is written again by the slave with nothing made of it. Input is typed again by
// the master: lines come back as lines, and what was being typed can still be edited. For that the terminal gets modes in which every
// character is itself but for the ends of lines and three keys: one that quotes, one that ends a line without being in it, one that shows the line again. It
// echoes, and the echo, which is taken away, tells that the line discipline has seen what was typed: only then may the modes change.
// World: all (x86-64). Raw system calls, no allocation.
#pragma once
#include <asm/ioctls.h>
#include <poll.h>
#include <time.h>

#include <cerrno>

#include "core/image/states/pseudo_terminal.hpp"
#include "core/sys/terminal_modes.hpp"

namespace stasis::sys {

// Characters that the line discipline holds (N_TTY_BUF_SIZE of n_tty.c, less the one that it keeps free). What comes after them waits before it, as it was written.
inline constexpr std::size_t kLineBuffer = 4095;
inline constexpr int kTerminalPatienceMs = 5000;  // the kernel's worker that moves characters is late by microseconds

// The keys that stand for something while input is typed again: none of those that end lines.
struct TypingKeys {
  std::uint8_t quote = 0, end_mark = 0, again = 0;
};
inline TypingKeys typing_keys(const TerminalModes& modes) noexcept {
  std::uint8_t chosen[3] = {};
  unsigned count = 0;
  for (std::uint8_t key = 1; count != 3; ++key)
    if (key != '\n' && key != modes.keys[kKeyEol] && key != modes.keys[kKeyEol2]) chosen[count++] = key;
  return {chosen[0], chosen[1], chosen[2]};
}

inline TerminalModes typing_modes(const TerminalModes& modes, const TypingKeys& keys) noexcept {
  TerminalModes typing = modes;
  typing.input = typing.output = 0;
  typing.local = kEcho | (gives_lines(modes) ? kCanonical | kExtended : 0);
  std::memset(typing.keys, 0, sizeof typing.keys);
  typing.keys[kKeyMin] = 1;
  typing.keys[kKeyEol] = modes.keys[kKeyEol], typing.keys[kKeyEol2] = modes.keys[kKeyEol2];
  typing.keys[kKeyNext] = keys.quote, typing.keys[kKeyEof] = keys.end_mark, typing.keys[kKeyReprint] = keys.again;
  return typing;
}

inline bool is_ready(int fd, short events, int timeout_ms) noexcept {
  pollfd one{fd, events, 0};
  return call(SYS_poll, &one, 1, timeout_ms) > 0 && (one.revents & events) != 0;
}

class TerminalRefill {
 public:
  // Both are open with O_NONBLOCK; the terminal is empty in both directions, runs, and is not in packet mode. `state` is a master's.
  TerminalRefill(int master, int slave, const image::PseudoTerminal& state) noexcept : master_(master), slave_(slave), state_(state) {}

  // 0 or a negative errno.
  long run() noexcept {
    if (!modes_.take(state_.modes)) return -EINVAL;
    const TypingKeys keys{state_.quote, state_.end_mark, state_.again};
    long result = set_modes(slave_, typing_modes(modes_, keys));
    if (result == 0) result = type(state_.input);
    if (result == 0) result = write_output();
    const long back = set_modes(slave_, modes_);
    if (result == 0) result = back;
    if (result == 0) result = stop_output();
    if (result == 0) result = write_to_room(master_, state_.later_input);
    if (result == 0 && state_.packet) result = restore_packets();
    return result;
  }

 private:
  // In pieces, of which each has been seen before the next is typed.
  long type(std::string_view bytes) noexcept {
    const bool lines = gives_lines(modes_);
    while (!bytes.empty()) {
      std::size_t length = 0, echoes = 0;
      bool silent = false;  // the last character makes no echo
      while (length < bytes.size() && length < kPiece) {
        const auto c = static_cast<std::uint8_t>(bytes[length]);
        const bool quoted = lines && c == state_.quote;
        silent = lines && c == state_.end_mark;
        length += quoted ? 2 : 1;
        echoes += silent ? 0 : 1;
      }
      if (const long result = write_to_master(bytes.substr(0, length)); result < 0) return result;
      if (silent) {  // showing a line again in which there is nothing: the key and a newline
        const char again = static_cast<char>(state_.again);
        if (const long result = write_to_master({&again, 1}); result < 0) return result;
        echoes += 2;
      }
      if (const long result = take_echo(echoes); result < 0) return result;
      bytes.remove_prefix(length);
    }
    return 0;
  }

  long take_echo(std::size_t count) noexcept {
    char buffer[kPiece];
    while (count != 0) {
      if (!is_ready(master_, POLLIN, kTerminalPatienceMs)) return -ETIMEDOUT;
      const long got = call(SYS_read, master_, buffer, count < sizeof buffer ? count : sizeof buffer);
      if (got <= 0) return got < 0 ? got : -EIO;
      count -= static_cast<std::size_t>(got);
    }
    return 0;
  }

  long write_to_master(std::string_view bytes) noexcept { return write_whole(master_, bytes); }

  // The line discipline's part first, so that all other room is free for the rest.
  long write_output() noexcept {
    std::string_view rest = state_.output;
    const std::string_view first = rest.substr(0, kLineBuffer);
    rest.remove_prefix(first.size());
    if (const long result = write_whole(slave_, first); result < 0) return result;
    for (int waited_ms = 0; !rest.empty(); ++waited_ms) {
      int arrived = 0;
      if (const long result = call(SYS_ioctl, master_, FIONREAD, &arrived); result < 0) return result;
      if (arrived == static_cast<int>(first.size())) break;
      if (waited_ms > kTerminalPatienceMs) return -ETIMEDOUT;
      wait_a_moment();
    }
    return write_to_room(slave_, rest);
  }

  // What had room before has room again only if it is written so that the kernel's buffers take most (tty_buffer.c): in the largest ones until their sum is the
  // limit of 8 KiB, one more that exceeds it, and then in the smallest, for which the limit does not count.
  static long write_to_room(int fd, std::string_view bytes) noexcept {
    constexpr std::size_t kLargest = 1792, kSmallest = 256, kLimit = 8192;
    for (std::size_t used = 0; !bytes.empty();) {
      const std::size_t room = used < kLimit ? kLimit - used : used == kLimit ? kLargest : kSmallest;
      const std::string_view piece = bytes.substr(0, room < kLargest ? room : kLargest);
      if (const long result = write_whole(fd, piece); result < 0) return result;
      used += piece.size();
      bytes.remove_prefix(piece.size());
    }
    return 0;
  }

  static void wait_a_moment() noexcept {
    const timespec moment{0, 1'000'000};
    call(SYS_nanosleep, &moment, nullptr);
  }

  // Where there is no room the kernel's worker makes some, and nothing tells when it has.
  static long write_whole(int fd, std::string_view bytes) noexcept {
    for (int waited_ms = 0; !bytes.empty();) {
      const long put = call(SYS_write, fd, bytes.data(), bytes.size());
      if (put > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(put));
        continue;
      }
      if (put != -EAGAIN && put != 0) return put;
      if (++waited_ms > kTerminalPatienceMs) return -ETIMEDOUT;
      wait_a_moment();
    }
    return 0;
  }

  long stop_output() noexcept {
    if (state_.stop == image::TerminalStop::runs) return 0;
    if (state_.stop == image::TerminalStop::by_call) return call(SYS_ioctl, slave_, TCXONC, 0 /* TCOOFF */);
    const char key = static_cast<char>(modes_.keys[kKeyStop]);
    bool runs = is_ready(slave_, POLLOUT, 0);  // where it is full it does not show
    if (const long result = write_to_master({&key, 1}); result < 0) return result;
    for (int waited_ms = 0; runs; ++waited_ms) {
      if (waited_ms > kTerminalPatienceMs) return -ETIMEDOUT;
      runs = is_ready(slave_, POLLOUT, 0);
      if (runs) wait_a_moment();
    }
    return 0;
  }

  long restore_packets() noexcept {
    int on = 1;
    if (const long result = call(SYS_ioctl, master_, TIOCPKT, &on); result < 0) return result;
    // What the master was to be told is told again by doing it again; a flush only where there is nothing left to lose.
    const std::uint8_t status = state_.packet_status;
    if ((status & TIOCPKT_FLUSHREAD) != 0 && state_.input.empty()) call(SYS_ioctl, slave_, TCFLSH, 0 /* TCIFLUSH */);
    if ((status & TIOCPKT_FLUSHWRITE) != 0 && state_.output.empty()) call(SYS_ioctl, slave_, TCFLSH, 1 /* TCOFLUSH */);
    if ((status & TIOCPKT_START) != 0) call(SYS_ioctl, slave_, TCXONC, 0), call(SYS_ioctl, slave_, TCXONC, 1 /* TCOON */);
    if ((status & TIOCPKT_STOP) != 0) call(SYS_ioctl, slave_, TCXONC, 1), call(SYS_ioctl, slave_, TCXONC, 0);
    if ((status & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP)) != 0) {
      TerminalModes other = modes_;
      other.input ^= kXon;
      set_modes(slave_, other);
      set_modes(slave_, modes_);
    }
    return 0;
  }

  static constexpr std::size_t kPiece = 512;
  int master_, slave_;
  const image::PseudoTerminal& state_;
  TerminalModes modes_;
};

}  // namespace stasis::sys
