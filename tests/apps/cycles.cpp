// cycles HOW COUNT FILE PREPARE COMMAND...: a real program survives COUNT cycles of checkpoint, kill and restart with the right output.
//
// FILE is copied into two fresh directories, PREPARE (a shell command, may be empty) is run in both, and COMMAND in the first without Stasis: its
// output is the reference. Then COMMAND runs in the second under stasis, its output in a file; whenever a further share of the
// reference's lines is there, it is checkpointed, killed and restarted: HOW is "kill", or "exit" for a checkpoint that ends the program itself. At the end the file must be the reference, byte for byte:
// lines that came between checkpoint and kill are cut off by the restart and written again.
// World: programs.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "core/environment.hpp"
#include "tests/driver/process.hpp"
#include "tests/driver/workplace.hpp"

namespace stasis::tests {
namespace {

constexpr int kMostTooLate = 10;
constexpr int kGone = 7, kAbandoned = 8;  // of stasis(1), EXIT STATUS

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
long lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// Waits until the file has `wanted` lines; each change of it is an event. False if `program` ended first.
bool wait_for_lines(const std::filesystem::path& path, long wanted, Process& program) {
  const int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events < 0 || inotify_add_watch(events, path.c_str(), IN_MODIFY) < 0) throw Failure("inotify");
  char buffer[4096];
  while (lines(content(path)) < wanted) {
    pollfd either[] = {{events, POLLIN, 0}, {program.pidfd(), POLLIN, 0}};
    if (poll(either, 2, 3 * kPatienceMilliseconds) == 0) throw Failure("no line " + std::to_string(wanted) + " in time");
    while (read(events, buffer, sizeof buffer) > 0) {
    }
    if ((either[1].revents & POLLIN) && lines(content(path)) < wanted) {
      close(events);
      return false;
    }
  }
  close(events);
  return true;
}

class Cycles {
 public:
  Cycles(Workplace& place, bool ends_itself, std::string file, std::string prepare, Command command)
      : place_(place), ends_itself_(ends_itself), file_(std::move(file)), prepare_(std::move(prepare)), command_(std::move(command)) {}

  void run_all(int count) {
    make_reference();
    set_up("run");
    const auto out = std::filesystem::absolute("run/out");
    std::ofstream(out).close();
    Command launch = in_directory("run", {place_.stasis(), "launch", "--dir", place_.store(), "--"});
    launch.insert(launch.end(), command_.begin(), command_.end());
    program_ = std::make_unique<Process>(launch);
    const long all = lines(reference_);
    int too_late = 0;
    for (int i = 1; i <= count;) {
      const bool goes_on = wait_for_lines(out, std::max(1L, all * i / (count + 2)), *program_);
      const bool is_saved = goes_on && control(ends_itself_ ? Command{"checkpoint", "--exit"} : Command{"checkpoint"}, i, out);
      if (is_saved && !ends_itself_) control({"kill"}, i, out);
      if (!is_saved && (!has_finished(out) || i == 1 || ++too_late == kMostTooLate))
        throw Failure("cycle " + std::to_string(i) + ": ended too early, status " + std::to_string(program_->wait()) + ":\n" + program_->output() + content(out));
      program_->wait();
      wait_for_all_gone();
      program_ = std::make_unique<Process>(Command{place_.stasis(), "restart", place_.store()});
      wait_for_file(place_.store() / store_layout::kCoordinator, *program_);
      if (is_saved) ++i;
    }
    if (!wait_for_lines(out, all, *program_)) throw Failure("ended without all lines, status " + std::to_string(program_->wait()) + ":\n" + program_->output() + difference(out));
    if (const int status = program_->wait(); status != 0) throw Failure("the program ended with status " + std::to_string(status) + ":\n" + program_->output());
    if (content(out) != reference_) throw Failure("the output is not that of an undisturbed run:\n" + difference(out));
    wait_for_all_gone();
    std::cout << count << " cycles, " << all << " lines of output as without Stasis\n";
  }

 private:
  static Command in_directory(const std::string& directory, const Command& command) {
    Command result = {"sh", "-c", "cd " + directory + " && exec \"$0\" \"$@\" >>out"};
    result.insert(result.end(), command.begin(), command.end());
    return result;
  }
  void set_up(const std::string& directory) {
    std::string said;
    std::filesystem::create_directory(directory);
    std::filesystem::copy_file(file_, directory + "/" + file_);
    if (run({"sh", "-c", "cd " + directory + " && " + (prepare_.empty() ? ":" : prepare_)}, said) != 0) throw Failure("preparing: " + said);
  }
  void make_reference() {
    std::string said;
    set_up("native");
    Process native(in_directory("native", command_));
    if (!wait_for_end(native)) throw Failure("the program fails without Stasis:\n" + native.output());
    reference_ = content("native/out");
    if (lines(reference_) < 3) throw Failure("the program says too little:\n" + reference_);
  }
  static bool wait_for_end(Process& process) {
    pollfd end = {process.pidfd(), POLLIN, 0};
    poll(&end, 1, 6 * kPatienceMilliseconds);
    return process.wait() == 0;
  }
  // On a machine that is busy elsewhere the program may come to its end, the right one, before it is checkpointed or killed: then it is brought back from where it was saved last.
  bool has_finished(const std::filesystem::path& out) { return program_->wait() == 0 && content(out) == reference_; }
  // False if the program had finished.
  bool control(Command command, int cycle, const std::filesystem::path& out) {
    const std::string verb = command.front();
    command.insert(command.begin(), place_.stasis());
    command.insert(command.end(), {"--dir", place_.store()});
    std::string said;
    const int status = run(command, said);
    if (status == 0) return true;
    if ((status == kGone || status == kAbandoned) && has_finished(out)) return false;
    throw Failure("cycle " + std::to_string(cycle) + ": stasis " + verb + " ended with status " + std::to_string(status) + ":\n" + said + "the program ended with status " + std::to_string(program_->wait()) + ", it said:\n" + program_->output());
  }
  static std::string difference(const std::filesystem::path& out) {
    std::string said;
    run({"diff", "native/out", out}, said);
    return said.substr(0, 4000);
  }

  Workplace& place_;
  bool ends_itself_;
  std::string file_, prepare_;
  Command command_;
  std::string reference_;
  std::unique_ptr<Process> program_;
};

}  // namespace
}  // namespace stasis::tests

int main(int argc, char** argv) {
  using namespace stasis::tests;
  if (argc < 6) {
    std::cerr << "usage: cycles kill|exit COUNT FILE PREPARE COMMAND...\n";
    return 2;
  }
  try {
    adopt_descendants();
    const char* prefix = getenv("STASIS_PREFIX");
    Workplace place(argv[3], prefix != nullptr ? prefix : STASIS_BUILD_TREE);
    Cycles cycles(place, std::string(argv[1]) == "exit", std::filesystem::path(argv[3]).filename(), argv[4], Command(argv + 5, argv + argc));
    try {
      cycles.run_all(atoi(argv[2]));
    } catch (const std::exception& failure) {
      std::cout << "FAILED: " << failure.what() << "\n--- coordinator.log\n" << place.log();
      end_all_descendants();
      return 1;
    }
  } catch (const std::exception& failure) {
    std::cerr << "cycles: " << failure.what() << "\n";
    return 1;
  }
}
