// Processes that the test driver starts: their output as events with a deadline, their ends, and what they leave behind.
//
// The driver is the subreaper of everything below it, so "all is gone" is an event too: waitpid says that no child is left.
// Every wait has the one deadline of kPatience; a wait that ends without its event throws Failure, which ends the test.
// World: programs.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace stasis::tests {

inline constexpr int kPatienceMilliseconds = 20000;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Command = std::vector<std::string>;
using Environment = std::vector<std::string>;  // "NAME=value", added to the driver's own

// A file's bytes; of one of /proc as far as they could be read before its process ended (a stream throws then, ESRCH). Empty if there is none.
std::string read_all(const std::filesystem::path& path);

// A running command with its standard output and error in one pipe, its input from /dev/null.
class Process {
 public:
  // Throws Failure if it cannot be started.
  Process(const Command& command, const Environment& extra = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  // Waits until the output holds `line` (without newline) as a line of its own. Throws if the pipe ends before, or at the deadline.
  void wait_for_line(const std::string& line);
  // Waits for the end; returns the status as a shell has it: the exit status, or 128 + the signal. Reads the output to its end only
  // as far as it is there: descendants may hold the pipe.
  int wait();
  const std::string& output() const { return output_; }
  pid_t pid() const { return pid_; }
  // Readable when the process has ended; for poll. Stays the Process's own.
  int pidfd() const { return pidfd_; }

 private:
  bool has_line(const std::string& line) const;
  void read_available();

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_ = -1;
  bool ended_ = false;
  int status_ = 0;
  std::string name_;
  std::string output_;
};

// Runs a command to its end; returns its status and puts its output into `output`.
int run(const Command& command, std::string& output);

// Waits until there is a file of that name. Throws Failure if `process` ends before, or at the deadline.
void wait_for_file(const std::filesystem::path& file, Process& process);

// Makes the driver the subreaper of its descendants. Call first.
void adopt_descendants();
// Waits until no descendant but `except` is left. Throws Failure, naming one, if some stay.
void wait_for_all_gone(pid_t except = -1);
// Ends every descendant; for the way out of a failed test.
void end_all_descendants();

}  // namespace stasis::tests
