// What the image holds of a pseudo-terminal of the program's own: one record for each description of either end.
//
// All that the pair has in common is with its master, of which there is exactly one description.
// World: all.
#pragma once
#include <cstdint>
#include <string_view>

namespace stasis::image {

enum class TerminalEnd : std::uint8_t { master = 1, slave = 2 };

// How the slave's output was stopped.
enum class TerminalStop : std::uint8_t { runs = 0, by_call = 1 /* tcflow(3) */, by_key = 2 /* the STOP character */ };

struct PseudoTerminal {
  TerminalEnd end = TerminalEnd::master;
  std::uint32_t index = 0;          // N of /dev/pts/N
  bool master_closed = false;       // slave: the terminal was hung up
  bool by_master = false;           // slave: opened by way of its master (TIOCGPTPEER), which shows in its flags
  // Of the pair, with the master:
  bool slave_opened = false;        // by anybody, ever: until then its master waits, afterwards it sees an error where nobody has it open
  bool locked = false;              // unlockpt(3) is still to come
  bool packet = false;              // TIOCPKT
  bool exclusive = false;           // TIOCEXCL
  std::uint32_t node_mode = 0;      // of /dev/pts/N
  std::int32_t session = 0;         // whose controlling terminal it is, 0 if nobody's
  std::int32_t foreground = 0;      // process group
  std::string_view size;            // struct winsize
  // See core/sys/terminal_content.hpp.
  std::string_view modes;           // struct termios2
  std::string_view output, input, later_input;
  std::uint8_t quote = 0, end_mark = 0, again = 0;
  TerminalStop stop = TerminalStop::runs;
  std::uint8_t packet_status = 0;   // TIOCPKT_*: what the master has not read yet
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("end", self.end);
    archive("index", self.index);
    archive("master_closed", self.master_closed);
    archive("slave_opened", self.slave_opened);
    archive("locked", self.locked);
    archive("packet", self.packet);
    archive("exclusive", self.exclusive);
    archive("node_mode", self.node_mode);
    archive("session", self.session);
    archive("foreground", self.foreground);
    archive("size", self.size);
    archive("modes", self.modes);
    archive("output", self.output);
    archive("input", self.input);
    archive("later_input", self.later_input);
    archive("quote", self.quote);
    archive("end_mark", self.end_mark);
    archive("again", self.again);
    archive("stop", self.stop);
    archive("packet_status", self.packet_status);
    archive("by_master", self.by_master);
  }
};

}  // namespace stasis::image
