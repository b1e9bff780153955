// driver MODE PROGRAM: runs one program of tests/programs in one way, and fails unless the program and Stasis both behaved.
//
//   native     without Stasis: the program itself is right
//   watched    under stasis launch, no checkpoint
//   continue   one checkpoint, and the program goes on; what can be seen of its processes is the same before and after
//   restart    checkpoint, kill, restart
//   twice      checkpoint, kill, restart, and the same again; what can be seen is the same before the first and after the second checkpoint
//   moved      as restart, from another working directory, with the store moved and the old process ids taken
//   younger    as restart, on a machine that was started a moment ago: its clocks have counted less than the program has seen
//   younger_virtual  with translated ids, where the library makes the clocks go on: restarted on a machine that has run for hours longer, and from there on a younger one
//   virtual    as twice, as if no user namespace were allowed, and with the old process ids taken: the program's ids are translated
//   abandoned  a failure is injected (STASIS_FAULT from the driver's environment, default image_write:28, ENOSPC): the checkpoint must fail by
//              name and the program must not notice
//
// The program says READY when it has set up, waits for the trigger, verifies and says PASS (stasis_test.h). It must end with status 0,
// and in every mode all processes, coordinators included, must be gone at the end by themselves.
// World: programs.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "core/environment.hpp"
#include "tests/driver/process.hpp"
#include "tests/driver/squatter.hpp"
#include "tests/driver/visible_state.hpp"
#include "tests/driver/workplace.hpp"

namespace stasis::tests {
namespace {

constexpr long kOlder = 10'000;

long uptime_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

class Scenario {
 public:
  Scenario(Workplace& place, Squatter& squatter) : place_(place), squatter_(squatter) {}

  void native() {
    program_ = std::make_unique<Process>(Command{place_.program()});
    program_->wait_for_line("READY");
    finish();
  }
  void watched() {
    launch();
    finish();
  }
  void continued() {
    launch();
    const VisibleState before = look();
    if (before.empty()) throw Failure("no process of the program can be seen");
    checkpoint(1);
    require_same(before, look());
    finish();
  }
  void restarted() {
    launch();
    checkpoint(1);
    kill_all();
    restart();
    finish();
  }
  void twice() {
    launch();
    const VisibleState before = look();
    checkpoint(1);
    kill_all();
    restart();
    wait_for_coordinator();
    checkpoint(2);
    require_same(before, look());
    kill_all();
    restart();
    finish();
  }
  void moved() {
    launch();
    checkpoint(1);
    const pid_t old = program_->pid();
    kill_all();
    place_.move_store();
    if (chdir("/") != 0) throw Failure("chdir /");
    squatter_.take(old);
    restart();
    finish();
  }
  void translated() {
    launch();
    checkpoint(1);
    const pid_t old = program_->pid();
    kill_all();
    squatter_.take(old);
    setenv(environment::kIds, "virtual", 1);
    restart();
    wait_for_coordinator();
    checkpoint(2);
    kill_all();
    restart();
    finish();
  }
  // As an ordinary user can have it: in a time namespace of an own user namespace.
  void younger() {
    launch();
    checkpoint(1);
    kill_all();
    restart_on_machine(-uptime_seconds());
    finish();
  }
  void younger_translated() {
    launch();
    checkpoint(1);
    kill_all();
    setenv(environment::kIds, "virtual", 1);
    restart_on_machine(kOlder);
    wait_for_coordinator();
    checkpoint(2);
    kill_all();
    restart_on_machine(-uptime_seconds());
    finish();
  }
  void abandoned() {
    const char* chosen = getenv("STASIS_TEST_FAULT");
    const std::string fault = chosen != nullptr ? chosen : "image_write:28";
    launch({"STASIS_FAULT=" + fault});
    std::string said;
    const int status = run({place_.stasis(), "checkpoint", "--dir", place_.store()}, said);
    if (status != 8) throw Failure("checkpoint with the fault " + fault + " ended with status " + std::to_string(status) + ", not 8:\n" + said);
    if (std::count(said.begin(), said.end(), '\n') != 1) throw Failure("an abandoned checkpoint says one line, not:\n" + said);
    if (place_.generations() != 0) throw Failure("an abandoned checkpoint left a generation");
    std::cout << said;
    finish();
  }

 private:
  void launch(const Environment& extra = {}) {
    program_ = std::make_unique<Process>(Command{place_.stasis(), "launch", "--dir", place_.store(), "--", place_.program()}, extra);
    program_->wait_for_line("READY");
  }
  void stasis(const std::string& verb) {
    std::string said;
    const int status = run({place_.stasis(), verb, "--dir", place_.store()}, said);
    if (status != 0) throw Failure("stasis " + verb + " ended with status " + std::to_string(status) + ":\n" + said);
  }
  // `expected` generations must be committed when the command has returned.
  void checkpoint(int expected) {
    stasis("checkpoint");
    if (place_.generations() != expected)
      throw Failure("after the checkpoint there are " + std::to_string(place_.generations()) + " generations, not " + std::to_string(expected));
  }
  // What a program says while its processes are being ended, one after the other, does not count.
  void kill_all() {
    stasis("kill");
    program_->wait();
    wait_for_all_gone(squatter_.pid());
  }
  void restart() { program_ = std::make_unique<Process>(Command{place_.stasis(), "restart", place_.store()}); }
  // One that has run for so many seconds more than this one, and has System V objects of others.
  void restart_on_machine(long older) {
    const std::string seconds = std::to_string(older);
    program_ = std::make_unique<Process>(Command{"unshare", "--user", "--map-current-user", "--ipc", "--time", "--monotonic", seconds, "--boottime", seconds, "--fork",
                                                 "sh", "-c", "ipcmk -M 1 -S 1 -Q >ipcmk && exec \"$0\" restart \"$1\"", place_.stasis(), place_.store()});
  }
  // A coordinator's file in the store says that it can be talked to.
  void wait_for_coordinator() {
    wait_for_file(place_.store() / store_layout::kCoordinator, *program_);
  }
  void finish() {
    place_.pull_trigger();
    program_->wait_for_line("PASS");
    if (const int status = program_->wait(); status != 0) throw Failure("the program ended with status " + std::to_string(status) + ":\n" + program_->output());
    squatter_.leave();
    wait_for_all_gone();
  }
  Workplace& place_;
  std::unique_ptr<Process> program_;
  Squatter& squatter_;
};

int run_scenario(const std::string& mode, const std::string& program) {
  static const std::map<std::string, void (Scenario::*)()> kModes = {
      {"native", &Scenario::native},       {"watched", &Scenario::watched}, {"continue", &Scenario::continued}, {"restart", &Scenario::restarted},
      {"twice", &Scenario::twice},         {"moved", &Scenario::moved},     {"younger", &Scenario::younger}, {"younger_virtual", &Scenario::younger_translated},
      {"virtual", &Scenario::translated},
      {"abandoned", &Scenario::abandoned}};
  const auto found = kModes.find(mode);
  if (found == kModes.end()) {
    std::cerr << "driver: no mode " << mode << "\n";
    return 2;
  }
  const char* prefix = getenv("STASIS_PREFIX");
  Squatter squatter;
  Workplace place(program, prefix != nullptr ? prefix : STASIS_BUILD_TREE);
  Scenario scenario(place, squatter);
  try {
    (scenario.*found->second)();
  } catch (const std::exception& failure) {
    std::cout << "FAILED: " << failure.what() << "\n--- coordinator.log\n" << place.log();
    squatter.leave();
    end_all_descendants();
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace stasis::tests

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: driver MODE PROGRAM\n";
    return 2;
  }
  try {
    stasis::tests::adopt_descendants();
    return stasis::tests::run_scenario(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << "driver: " << failure.what() << "\n";
    return 1;
  }
}
