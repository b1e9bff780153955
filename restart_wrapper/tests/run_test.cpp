// `stasis restart` as a program: which generation it takes, what it says, what it returns, how it stands in.
//
// This test is also the program: started as `restart DIR` it is `stasis restart DIR`. It is copied beside a stand-in for the coordinator, a shell
// script that says it is ready and the program runs, and ends; where a test needs the restart to wait, the script says so in a FIFO and waits for a word in another.
#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "coordinator/run_directory.hpp"
#include "core/environment.hpp"
#include "core/proto/frame.hpp"
#include "core/proto/messages.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/restart.hpp"
#include "restart_wrapper/tests/program_image.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

namespace files = std::filesystem;

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-run-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    output_ = directory_ + "/output";
    std::ofstream(output_) << "kept\n";
    files::copy_file("/proc/self/exe", directory_ + "/stasis");
    std::ofstream(directory_ + "/stasis-coordinator") << "#!/bin/sh\necho ready >&3\necho running >&3\n";
    ::chmod((directory_ + "/stasis-coordinator").c_str(), 0755);
    files::create_directories(directory_ + "/store");
    std::ofstream(directory_ + "/store/store.json") << "{}\n";
    char id[17];
    std::snprintf(id, sizeof id, "%016x", static_cast<unsigned>(::getpid()));
    computation_ = id;
  }
  void TearDown() override { files::remove_all(directory_); }

  // Adds a generation in which the program ends with `script.status`. Returns the image's path.
  std::string add_generation(unsigned number, const Script& script) {
    const std::string place = directory_ + "/store/generations/00000" + std::to_string(number);
    files::create_directories(place + "/node");
    image::ImageWriter writer;
    make_program_image(writer, 4321, 4000, 4321, 4321, script, directory_, output_);
    writer.header.generation = number;
    writer.process.computation = computation_;
    if (script.read_fd >= 0) {  // both ends of a pipe: reading waits for ever
      image::DescriptionRecord end;
      end.kind = image::DescriptionKind::pipe, end.inode = 9, end.id = 2;
      writer.descriptions.push_back(end);
      end.id = 3, end.status_flags = O_WRONLY;
      writer.descriptions.push_back(end);
      writer.descriptors.push_back({script.read_fd, false, 2});
      writer.descriptors.push_back({script.read_fd + 1, false, 3});
    }
    const std::string path = place + "/node/4321.image";
    writer.write(path);
    const image::Image image = std::move(*image::Image::open(path));
    store::Manifest manifest;
    manifest.generation = number;
    manifest.root = 4321;
    manifest.images.push_back({4321, "program", path, image.footer().file_length, image.footer().table_digest, ""});
    std::ofstream(place + "/manifest") << store::encode(manifest, place);
    return path;
  }
  static void damage(const std::string& path, std::uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('\x7f');
  }

  // Starts the restart; its standard error goes to a file.
  pid_t start() {
    const pid_t child = ::fork();
    if (child == 0) {
      const int errors = ::open((directory_ + "/errors").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(errors, 2);
      ::close(0);
      if (::chdir("/") != 0) ::_exit(99);
      ::execl((directory_ + "/stasis").c_str(), "stasis", "restart", (directory_ + "/store").c_str(), nullptr);
      ::_exit(99);
    }
    return child;
  }
  static int wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // Waits until the output file holds `text`; `watch` is an inotify descriptor on it.
  void await_output(int watch, const std::string& text) {
    while (content(output_).find(text) == std::string::npos) {
      pollfd event{watch, POLLIN, 0};
      ASSERT_EQ(::poll(&event, 1, 10'000), 1) << errors();
      char bytes[4096];
      ASSERT_GT(::read(watch, bytes, sizeof bytes), 0);
    }
  }
  int run() { return wait(start()); }
  std::string errors() { return content(directory_ + "/errors"); }

  // From here on each attempt waits in the start of its coordinator until it is let go.
  void make_attempts_wait() {
    for (const char* name : {"/waits", "/go"}) ASSERT_EQ(::mkfifo((directory_ + name).c_str(), 0600), 0);
    std::ofstream(directory_ + "/stasis-coordinator") << "#!/bin/sh\necho >" << directory_ << "/waits\nread -r word <" << directory_ << "/go\necho ready >&3\necho running >&3\n";
    go_.reset(::open((directory_ + "/go").c_str(), O_RDWR | O_CLOEXEC));
  }
  void await_waiting() { EXPECT_EQ(content(directory_ + "/waits"), "\n"); }
  void let_go() { EXPECT_EQ(::write(go_.get(), "go\n", 3), 3); }
  // Returns when `process` has taken the signal.
  static void send(pid_t process, int signal) {
    ::kill(process, signal);
    for (std::uint64_t pending = ~0ull; (pending & 1ull << (signal - 1)) != 0;) {
      const std::string status = content("/proc/" + std::to_string(process) + "/status");
      const std::size_t at = status.find("ShdPnd:");
      pending = at == std::string::npos ? 0 : std::stoull(status.substr(at + 7), nullptr, 16);
    }
  }

  std::string directory_, output_, computation_;
  UniqueFd go_;
};

Script ending_with(int status) {
  Script script;
  script.status = status;
  return script;
}

TEST_F(RunTest, TakesTheNewestGenerationAndReturnsTheProgramsStatus) {
  add_generation(1, ending_with(1));
  add_generation(2, ending_with(2));
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(content(output_), "kept\npid 4321 parent 4000 group 4321 session 4321 \n");
}

TEST_F(RunTest, FallsBackWhenMetadataIsDamagedAndSaysSo) {
  add_generation(1, ending_with(1));
  const std::string newest = add_generation(2, ending_with(2));
  damage(newest, files::file_size(newest) - 100);
  EXPECT_EQ(run(), 1);
  EXPECT_NE(errors().find("generation 2 cannot be used"), std::string::npos) << errors();
}

TEST_F(RunTest, FallsBackWhenPageDataIsDamagedBeforeTheProgramRuns) {
  add_generation(1, ending_with(1));
  damage(add_generation(2, ending_with(2)), 200);
  EXPECT_EQ(run(), 1);
  EXPECT_NE(errors().find("generation 2 cannot be used"), std::string::npos) << errors();
  EXPECT_NE(errors().find("trying generation 1"), std::string::npos) << errors();
  EXPECT_EQ(content(output_), "kept\npid 4321 parent 4000 group 4321 session 4321 \n");
}

TEST_F(RunTest, FallsBackWhenTheManifestIsDamaged) {
  add_generation(1, ending_with(1));
  add_generation(2, ending_with(2));
  damage(directory_ + "/store/generations/000002/manifest", 0);
  EXPECT_EQ(run(), 1);
  EXPECT_NE(errors().find("manifest damaged"), std::string::npos) << errors();
}

TEST_F(RunTest, AnotherImageThanTheManifestNamesIsNotTaken) {
  const std::string older = add_generation(1, ending_with(1));
  const std::string newest = add_generation(2, ending_with(2));
  files::copy_file(older, newest, files::copy_options::overwrite_existing);
  EXPECT_EQ(run(), 1);
  EXPECT_NE(errors().find("generation 2 cannot be used"), std::string::npos) << errors();
}

TEST_F(RunTest, WithoutAnotherGenerationTheDamageIsTheError) {
  files::resize_file(add_generation(1, ending_with(1)), 5000);
  EXPECT_EQ(run(), 4);
  EXPECT_NE(errors().find("image truncated"), std::string::npos) << errors();
}

TEST_F(RunTest, AStoreWithoutGenerationsAndNoStoreAreNamed) {
  EXPECT_EQ(run(), 3);
  files::remove_all(directory_ + "/store");
  EXPECT_EQ(run(), 3);
  EXPECT_NE(errors().find(directory_ + "/store"), std::string::npos);
}

TEST_F(RunTest, SignalsReachTheProgramAndASecondRestartIsRefusedMeanwhile) {
  Script script;
  script.read_fd = 6;
  script.says_started = 1;
  add_generation(1, script);
  const int watch = ::inotify_init1(IN_CLOEXEC);
  ::inotify_add_watch(watch, output_.c_str(), IN_MODIFY);
  const pid_t first = start();
  await_output(watch, "started");  // the program says when it runs
  const pid_t second = start();
  EXPECT_EQ(wait(second), 9);
  EXPECT_NE(errors().find("another instance"), std::string::npos) << errors();
  ::kill(first, SIGTERM);
  EXPECT_EQ(wait(first), 128 + SIGTERM);
}

Script waiting_for_ever() {
  Script script;
  script.read_fd = 6;
  script.says_started = 1;
  return script;
}

TEST_F(RunTest, ASignalThatComesBeforeTheProgramIsBackIsTheProgramsToo) {
  add_generation(1, waiting_for_ever());
  make_attempts_wait();
  const pid_t restart = start();
  await_waiting();
  send(restart, SIGTERM);
  let_go();
  EXPECT_EQ(wait(restart), 128 + SIGTERM) << errors();
  EXPECT_EQ(content(output_), "kept\nstarted\n");  // it was the program that the signal ended
}

TEST_F(RunTest, ASignalIsKeptWhenAnAttemptFails) {
  add_generation(1, waiting_for_ever());
  damage(add_generation(2, waiting_for_ever()), 200);
  make_attempts_wait();
  const pid_t restart = start();
  await_waiting();
  send(restart, SIGHUP);
  let_go();
  await_waiting();
  let_go();
  EXPECT_EQ(wait(restart), 128 + SIGHUP) << errors();
  EXPECT_NE(errors().find("trying generation 1"), std::string::npos) << errors();
  EXPECT_EQ(content(output_), "kept\nstarted\n");
}

TEST_F(RunTest, ASecondInterruptCallsTheAttemptOff) {
  add_generation(1, ending_with(1));
  add_generation(2, waiting_for_ever());
  make_attempts_wait();
  const pid_t restart = start();
  await_waiting();
  send(restart, SIGINT);
  send(restart, SIGINT);
  EXPECT_EQ(wait(restart), 128 + SIGINT) << errors();
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(content(output_), "kept\n");
  // Nothing of the attempt is in the way of the next one.
  let_go();
  const pid_t next = start();
  await_waiting();
  send(next, SIGINT);
  EXPECT_EQ(wait(next), 128 + SIGINT) << errors();
  EXPECT_EQ(content(output_), "kept\nstarted\n");
}

template <class Message>
Message receive(int fd, std::string& payload) {
  proto::FrameHeader header;
  EXPECT_EQ(::recv(fd, &header, sizeof header, MSG_WAITALL), static_cast<ssize_t>(sizeof header));
  EXPECT_EQ(header.type, static_cast<std::uint16_t>(Message::kType));
  payload.assign(header.length, '\0');
  EXPECT_EQ(::recv(fd, payload.data(), payload.size(), MSG_WAITALL), static_cast<ssize_t>(payload.size()));
  Message message;
  Reader reader(payload);
  reader.record(message);
  return message;
}

TEST_F(RunTest, ANoticeOfTheBatchSystemThatComesEarlyGoesToTheCoordinatorWhenTheProgramIsBack) {
  add_generation(1, waiting_for_ever());
  make_attempts_wait();
  const auto made = coordinator::make_run_directory(computation_, directory_ + "/store");
  ASSERT_TRUE(made.ok()) << made.error().detail.c_str();
  ::setenv(environment::kBatch, "slurm", 1);
  const pid_t restart = start();
  ::unsetenv(environment::kBatch);
  await_waiting();
  send(restart, SIGTERM);
  let_go();
  pollfd offered{made->listener, POLLIN, 0};
  ASSERT_EQ(::poll(&offered, 1, 10'000), 1) << errors();
  const UniqueFd peer(::accept4(made->listener, nullptr, nullptr, SOCK_CLOEXEC));
  std::string payload;
  EXPECT_EQ(receive<proto::Hello>(peer.get(), payload).computation, computation_);
  EXPECT_EQ(receive<proto::Notice>(peer.get(), payload).signal, SIGTERM);
  proto::NoticeAnswer answer;
  answer.held = true;
  std::string bytes(sizeof(proto::FrameHeader) + encoded_size(answer), '\0');
  proto::FrameHeader header;
  header.type = static_cast<std::uint16_t>(proto::NoticeAnswer::kType);
  header.length = static_cast<std::uint32_t>(bytes.size() - sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  Writer(bytes.data() + sizeof header, header.length).record(answer);
  EXPECT_EQ(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  char end;
  EXPECT_EQ(::recv(peer.get(), &end, 1, 0), 0);  // the answer has been read
  ::kill(restart, SIGHUP);                       // not the signal that the coordinator holds
  EXPECT_EQ(wait(restart), 128 + SIGHUP) << errors();
  EXPECT_EQ(content(output_), "kept\nstarted\n");
  coordinator::remove_run_directory(*made);
}

}  // namespace
}  // namespace stasis::restart

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "restart") {
    stasis::restart::Options options;
    options.store = argv[2];
    return stasis::restart::run(options);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
