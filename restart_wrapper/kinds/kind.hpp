// Kinds of open file descriptions, and how each is made again. One file in this directory per kind.
//
// Every description is made exactly once, in the first process of the new namespace, at a number that no process of the program
// uses; the processes inherit it by fork, which is how sharing comes back. A kind gets all its descriptions at once, because some belong
// together (the ends of a pipe, several openings of one deleted file). What holds for all kinds (descriptor numbers, close-on-exec, status flags that
// fcntl can set, the owner for signals) is done by the callers, not by the kinds.
// World: programs.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "restart_wrapper/ids.hpp"
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

// Descriptor numbers for our own use that no process of the program has.
class HighNumbers {
 public:
  HighNumbers() = default;
  // `used`: numbers of the program. Raises this process's soft limit of descriptors to the hard one.
  explicit HighNumbers(const std::set<int>& used);
  // Moves `fd` (closing it) to a free number of ours; the result has close-on-exec set. Errors: system.
  Result<int> move(int fd);
  // The same without closing `fd`.
  Result<int> copy(int fd);

 private:
  std::set<int> used_;
  int next_ = 0;
};

// A pseudo-terminal that is somebody's controlling terminal.
struct SessionTerminal {
  int fd = -1;         // its slave
  int foreground = 0;  // process group, 0 if there is none
};

// What kinds work with. `fds` is what they fill: description id -> descriptor.
class Meeting;

struct Workshop {
  const Computation* computation = nullptr;
  HighNumbers* numbers = nullptr;
  const Ids* ids = nullptr;
  std::array<int, 3> stdio{-1, -1, -1};  // the restarter's own 0, 1 and 2, at high numbers
  std::string cut_directory;             // where what is cut off from files is kept
  std::map<std::uint64_t, int> fds;
  std::map<int, SessionTerminal> terminals;  // by session
  std::map<std::uint64_t, int> late;         // description id -> number at which it is made when the processes exist; they fetch it from there
  Meeting* meeting = nullptr;                // where connections to other parts are made anew; null if there are none
  std::vector<int> held;                     // what the first process keeps open as long as the computation lives

  // Makes `fd` the description `id`, at a high number. Takes `fd` over.
  Status put(std::uint64_t id, int fd);
  // Keeps a number for the description `id`, which is made by `complete`.
  Status put_later(std::uint64_t id);
};

struct Kind {
  image::DescriptionKind kind;
  // Finds out whether all of these can be made, and touches nothing. May be null.
  Status (*check)(const Computation& computation, std::span<const Description* const> all);
  // Makes all of these. Each gets an entry in workshop.fds.
  Status (*recreate)(Workshop& workshop, std::span<const Description* const> all);
  // What must wait until all processes of the tree are there; they have not placed their descriptors yet. May be null.
  Status (*complete)(Workshop& workshop, std::span<const Description* const> all) = nullptr;
};

// All kinds, in the order in which they are made.
std::span<const Kind> kinds();

// Groups by device and inode: descriptions of one object.
std::vector<std::vector<const Description*>> by_object(std::span<const Description* const> all);

// "open /path of process..." style name for messages.
std::string label(const Description& description);

// What only the kind has. Errors: image_damaged.
template <class State>
Result<State> state_of(const Description& description) {
  State state;
  stasis::Reader reader(description.record.state);
  reader.record(state);
  if (!reader.ok()) return error(ErrorCode::image_damaged, "the state of " + label(description) + " cannot be read");
  return state;
}

// The descriptor of ours that takes the place of a terminal or standard stream.
int terminal_of(const Workshop& workshop, const Description& description);

// Writes the kept content of `description` into `fd` at its offsets (pwrite). Errors: image_damaged, system.
Status write_content(const Description& description, int fd);

// A second description of the object behind `fd`, opened with `flags`: by way of /proc/self/fd, so that no name is needed.
Result<int> open_again(int fd, int flags);

// Flags of open(2) that make a description what it was: access mode and status flags, nothing that creates or truncates.
int open_flags(const image::DescriptionRecord& record);

namespace kinds_detail {
extern const Kind regular_file, directory, device, pipe, fifo, terminal, launch_stdio, memory_file, path_only, event_counter, socket, pseudo_terminal, timer, signal_set, event_set, process, watch_list, process_file, message_queue, ring;
}

}  // namespace stasis::restart
