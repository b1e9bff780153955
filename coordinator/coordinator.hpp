// The node coordinator, which is also the root coordinator of a computation on one node: it listens, keeps the schedule, runs
// checkpoints, and ends when no process of the computation is left.
//
// One thread, one poll loop; only committing (the program runs again by then) and Slurm's commands block.
// World: programs.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/checkpoint.hpp"
#include "coordinator/run_directory.hpp"
#include "coordinator/store.hpp"

namespace stasis::coordinator {

struct Settings {
  std::string store;
  std::string command;             // for people, kept in a new store
  std::uint64_t interval_seconds = 0;
  std::uint64_t keep = 2;
  bool slurm = false;
  int ready_fd = -1;
  std::uint64_t restored = 0;      // generation that is being brought back, 0 for a new program
  std::uint64_t expect = 0;        // how many processes that has
};

class Coordinator {
 public:
  explicit Coordinator(const Settings& settings) : settings_(settings) {}
  // Makes everything that answers; then the store can be published.
  Status open();
  // Until the computation has ended. Returns the exit status.
  int run();

 private:
  struct Undecided {  // a member that said Hello without having been called
    Connection* connection = nullptr;
    Clock::time_point limit;
  };

  void poll_once();
  int poll_timeout() const;
  void accept_all();
  void read_from(std::size_t index);
  void drop(Connection* connection);
  void handle(Connection& connection, const Frame& frame);
  void handle_hello(Connection& connection, const Frame& frame);
  void decide_late_hellos();
  void handle_restored(Connection& connection);
  void handle_notice(Connection& connection, const Frame& frame);
  void handle_request(Connection& connection, const Frame& frame);
  Status start_checkpoint(const std::string& reason, bool exit_after);
  void advance();
  void finish_checkpoint();
  void schedule_next();
  void end_after_checkpoint();
  void abandoned(const Error& failure);
  void answer(const Error& failure, const std::string& text, const std::string& json);
  void reply(Connection& connection, const Error& failure, const std::string& text, const std::string& json);
  std::string status_json() const;
  void watch_next();
  void kill_all();
  std::vector<std::int32_t> roots() const;

  Settings settings_;
  Store store_;
  RunDirectory run_;
  std::string key_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::optional<Checkpoint> current_;
  std::vector<Connection*> askers_;     // of the current checkpoint
  struct Early {
    std::string reason;
    bool exit_after = false;
  };
  std::optional<Early> early_;          // asked for before the computation was there
  std::vector<Undecided> undecided_;
  std::vector<Connection*> restored_;   // members that wait for everybody's return
  std::int32_t root_ = 0;
  int watched_fd_ = -1;                 // pidfd of a process that lives; when it ends, we look who is left
  std::int32_t watched_pid_ = 0;
  int notice_signal_ = 0;               // the notice that the current checkpoint answers
  bool final_committed_ = false;        // further notices are only echoes
  bool started_ = false;                // a first process has been registered
  bool ended_ = false;
  Clock::time_point next_interval_{};
  Clock::time_point start_limit_{};
};

}  // namespace stasis::coordinator
