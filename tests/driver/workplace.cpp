// Where one test runs, see workplace.hpp. World: programs.
#include "tests/driver/workplace.hpp"

#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/environment.hpp"
#include "tests/driver/process.hpp"

namespace stasis::tests {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) { throw Failure(what + ": " + strerror(errno)); }

// A port that a program has been given is free when it comes back: no other test has been given it meanwhile.
void own_network() {
  if (unshare(CLONE_NEWNET) != 0) fail("unshare the network");
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  if (any < 0 || ioctl(any, SIOCSIFFLAGS, &loopback) != 0) fail("switch the loopback device on");
  close(any);
}

void give_up_root(const fs::path& directory) {
  unshare(CLONE_NEWIPC);  // what killed programs leave of System V IPC goes with the driver
  own_network();
  const passwd* user = getpwnam("stasis-test");
  const uid_t uid = user != nullptr ? user->pw_uid : 65534;
  const gid_t gid = user != nullptr ? user->pw_gid : 65534;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (lchown(entry.path().c_str(), uid, gid) != 0) fail("chown");
  if (chown(directory.c_str(), uid, gid) != 0) fail("chown");
  if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) fail("becoming the ordinary user");
  prctl(PR_SET_DUMPABLE, 1);  // setresuid cleared it: /proc/self would belong to root
}

}  // namespace

Workplace::Workplace(const fs::path& program, const fs::path& prefix) : program_(program.filename()), prefix_(prefix) {
  umask(022);
  char name[] = "/tmp/stasis-test.XXXXXX";
  if (mkdtemp(name) == nullptr) fail("mkdtemp");
  directory_ = name;
  store_ = directory_ / "store";
  fs::copy_file(program, directory_ / program_);
  if (const fs::path module = program.string() + ".so"; fs::exists(module)) fs::copy_file(module, directory_ / module.filename());  // what it loads
  if (mkfifo((directory_ / "trigger").c_str(), 0600) != 0) fail("mkfifo");
  if (geteuid() == 0) give_up_root(directory_);
  if (chdir(directory_.c_str()) != 0) fail("chdir");
  setenv("HOME", directory_.c_str(), 1);
}

Workplace::~Workplace() {
  std::error_code ignored;
  fs::permissions(directory_, fs::perms::owner_all, ignored);
  fs::remove_all(directory_, ignored);
}

std::string Workplace::stasis() const {
  const std::string path = prefix_ / "bin" / "stasis";
  if (access(path.c_str(), X_OK) != 0) fail(path + " (set STASIS_PREFIX to an installed tree that everybody can read, or use scripts/test)");
  return path;
}

void Workplace::pull_trigger() const {
  const int fd = open((directory_ / "trigger").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) fail("the trigger");
  if (write(fd, "t", 1) != 1) fail("the trigger");
  // Not closed before this process ends: a FIFO forgets its content with its last descriptor, and a program that is just being
  // restarted has none yet.
}

void Workplace::move_store() {
  const fs::path other = directory_ / "elsewhere";
  fs::create_directory(other);
  fs::rename(store_, other / "moved");
  store_ = other / "moved";
}

int Workplace::generations() const {
  int count = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(store_ / store_layout::kGenerations, none))
    if (fs::exists(entry.path() / store_layout::kManifest)) ++count;
  return count;
}

std::string Workplace::log() const {
  std::ifstream file(store_ / store_layout::kLog);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace stasis::tests
