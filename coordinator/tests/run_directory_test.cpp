// Run directories: in use while their table is mapped, swept afterwards, and never under somebody's feet.
//
// Coordinators and members are processes of the test, which end as if they were killed: without removing anything.
// World: programs.
#include "coordinator/run_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/environment.hpp"

namespace {

using namespace stasis;
using namespace stasis::coordinator;
namespace files = std::filesystem;

constexpr const char* kOne = "0000000000000001";
constexpr const char* kTwo = "0000000000000002";

// A process that runs `body` and then lives until it is ended.
class Actor {
 public:
  explicit Actor(const std::function<bool()>& body) {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const char answer = body() ? '+' : '-';
      if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char answer = 0;
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, '+');
    ::close(ready[0]);
  }
  ~Actor() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

class RunDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/dev/shm/stasis-test-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    base_ = pattern;
    parent_ = base_ + "/all";
  }
  void TearDown() override { files::remove_all(base_); }

  std::string path(const char* computation) const { return parent_ + "/" + computation; }
  std::function<bool()> coordinator_of(const char* computation) {
    return [=, this] { return make_run_directory(computation, "/store", parent_).ok(); };
  }
  // Maps the table as the library does (hijack/engine/membership.cpp).
  std::function<bool()> member_of(const char* computation) {
    return [=, this] {
      const int fd = ::open((path(computation) + "/" + run_directory::kMembers).c_str(), O_RDWR | O_CLOEXEC);
      const bool mapped = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
      const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
      ::close(fd);
      return mapped && locked;
    };
  }
  bool exists(const char* computation) const { return files::exists(path(computation)); }

  std::string base_, parent_;
};

TEST_F(RunDirectoryTest, WhatACoordinatorUsesStaysAndWhatAKilledOneLeftGoes) {
  Actor one(coordinator_of(kOne)), two(coordinator_of(kTwo));
  sweep_run_directories(parent_);
  EXPECT_TRUE(exists(kOne) && exists(kTwo));
  one.end();
  sweep_run_directories(parent_);
  EXPECT_FALSE(exists(kOne));
  EXPECT_TRUE(files::exists(path(kTwo) + "/" + run_directory::kMembers));
  two.end();
  sweep_run_directories(parent_);
  EXPECT_FALSE(files::exists(parent_)) << "the last one takes the parent along";
}

TEST_F(RunDirectoryTest, ThatOfAPartIsSweptToo) {
  constexpr const char* kPart = "0000000000000001.5f3a9c01.12";
  Actor part(coordinator_of(kPart));
  sweep_run_directories(parent_);
  EXPECT_TRUE(exists(kPart));
  part.end();
  sweep_run_directories(parent_);
  EXPECT_FALSE(exists(kPart));
}

TEST_F(RunDirectoryTest, WhatAProcessUsesStaysWithoutItsCoordinator) {
  Actor coordinator(coordinator_of(kOne));
  Actor member(member_of(kOne));
  coordinator.end();
  sweep_run_directories(parent_);
  EXPECT_TRUE(exists(kOne));
  member.end();
  sweep_run_directories(parent_);
  EXPECT_FALSE(exists(kOne));
}

TEST_F(RunDirectoryTest, ANewCoordinatorSweepsToo) {
  { Actor killed(coordinator_of(kOne)); }
  EXPECT_TRUE(exists(kOne));
  Actor next(coordinator_of(kTwo));
  EXPECT_FALSE(exists(kOne));
  EXPECT_TRUE(exists(kTwo));
}

TEST_F(RunDirectoryTest, WhoListensKeepsItsDirectory) {
  ASSERT_TRUE(files::create_directories(path(kOne)));
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (path(kOne) + "/" + run_directory::kSocket).c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  sweep_run_directories(parent_);
  EXPECT_TRUE(exists(kOne));
  ::close(listener);
  sweep_run_directories(parent_);
  EXPECT_FALSE(exists(kOne));
}

TEST_F(RunDirectoryTest, WhatIsNotOursIsLeftAlone) {
  ASSERT_TRUE(files::create_directories(base_ + "/precious"));
  std::ofstream(base_ + "/precious/" + run_directory::kMembers) << "data";
  ASSERT_TRUE(files::create_directories(parent_ + "/somebodys"));
  files::create_directory_symlink(base_ + "/precious", path(kOne));
  ASSERT_TRUE(files::create_directories(path(kTwo)));
  std::ofstream(path(kTwo) + "/notes") << "data";
  sweep_run_directories(parent_);
  EXPECT_TRUE(files::exists(base_ + "/precious/" + run_directory::kMembers));
  EXPECT_TRUE(files::exists(parent_ + "/somebodys"));
  EXPECT_TRUE(files::exists(path(kTwo) + "/notes"));
  files::create_directory_symlink(base_ + "/precious", base_ + "/link");
  EXPECT_EQ(make_run_directory(kOne, "/store", base_ + "/link").error().code, ErrorCode::rejected);
}

// A copy of a store is of the same computation.
TEST_F(RunDirectoryTest, WhatIsUsedIsNotMadeAnew) {
  Actor coordinator(coordinator_of(kOne));
  const auto refused = make_run_directory(kOne, "/copy", parent_, 0);
  ASSERT_EQ(refused.error().code, ErrorCode::still_running);
  EXPECT_NE(refused.error().detail.view().find("/store"), std::string_view::npos) << refused.error().detail.view();
  EXPECT_TRUE(files::exists(path(kOne) + "/" + run_directory::kSocket));
  Actor member(member_of(kOne));
  coordinator.end();
  EXPECT_EQ(make_run_directory(kOne, "/copy", parent_, 0).error().code, ErrorCode::still_running);
  member.end();
  EXPECT_TRUE(make_run_directory(kOne, "/copy", parent_, 0).ok());
}

// While it is waited for, others take their turns.
TEST_F(RunDirectoryTest, WhoIsEndingIsWaitedFor) {
  Actor ending(coordinator_of(kOne));
  std::thread next([&] { EXPECT_TRUE(make_run_directory(kOne, "/store", parent_, 60'000).ok()); });
  EXPECT_TRUE(make_run_directory(kTwo, "/store", parent_, 0).ok());
  ending.end();
  next.join();
}

TEST_F(RunDirectoryTest, ACoordinatorLeavesADirectoryAloneThatIsNotItsOwn) {
  const auto old = make_run_directory(kOne, "/store", parent_);
  ASSERT_TRUE(old.ok());
  files::remove_all(old->path);
  ::close(old->listener);
  const auto next = make_run_directory(kOne, "/store", parent_);
  ASSERT_TRUE(next.ok());
  remove_run_directory(*old);
  EXPECT_TRUE(files::exists(next->socket_path));
  remove_run_directory(*next);
  EXPECT_FALSE(files::exists(parent_));
}

// Computations come and go, the parent with them, while others sweep. Each must find what it has made as long as it lives.
TEST_F(RunDirectoryTest, MakingRemovingAndSweepingTakeTurns) {
  std::vector<pid_t> children;
  for (int child = 0; child != 4; ++child) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      const std::string computation = std::string(15, '0') + std::to_string(child);
      for (int round = 0; round != 200; ++round) {
        const auto run = make_run_directory(computation, "/store", parent_);
        if (!run.ok()) ::_exit(1);
        sweep_run_directories(parent_);
        for (const char* name : {run_directory::kSocket, run_directory::kMembers, run_directory::kStoreLink}) {
          struct stat status{};
          if (::lstat((run->path + "/" + name).c_str(), &status) != 0) ::_exit(2);
        }
        remove_run_directory(*run);
        if (files::exists(run->path)) ::_exit(3);
        ::close(run->listener);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_FALSE(files::exists(parent_));
}

}  // namespace
