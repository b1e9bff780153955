// Where one test runs: a fresh directory of the ordinary user's, with the program, the trigger and the store.
//
// A driver that root started makes the directory, copies the program there (the clone may lie where nobody else can read) and
// becomes the user stasis-test, or nobody where that user does not exist, before anything else runs.
// World: programs.
#pragma once
#include <filesystem>
#include <string>

namespace stasis::tests {

class Workplace {
 public:
  // Makes the directory, copies `program` (a file) there, gives up root and changes into the directory. Throws Failure.
  Workplace(const std::filesystem::path& program, const std::filesystem::path& prefix);
  // Removes the directory.
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  std::string program() const { return directory_ / program_; }
  // Path of the program stasis. Throws Failure if this user cannot run it.
  std::string stasis() const;
  std::filesystem::path store() const { return store_; }

  // Lets the program verify (tests/programs/stasis_test.h).
  void pull_trigger() const;
  // Moves the store to another directory, as if its file system had been mounted elsewhere.
  void move_store();
  // The number of committed generations.
  int generations() const;
  // What the coordinator wrote into its log, for the report of a failure.
  std::string log() const;

 private:
  std::filesystem::path directory_;
  std::string program_;
  std::filesystem::path prefix_;
  std::filesystem::path store_;
};

}  // namespace stasis::tests
