// `stasis restart` as a program: which generation it takes, what it says, what it returns, how it stands in.
//
// This test is also the program: started as `restart DIR` it is `stasis restart DIR`. It is copied beside a stand-in for the coordinator, a shell
// script that says it is ready and ends.
#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/store/manifest.hpp"
#include "restart_wrapper/restart.hpp"
#include "restart_wrapper/tests/program_image.hpp"

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
    std::ofstream(directory_ + "/stasis-coordinator") << "#!/bin/sh\necho ready >&3\n";
    ::chmod((directory_ + "/stasis-coordinator").c_str(), 0755);
    files::create_directories(directory_ + "/store");
    std::ofstream(directory_ + "/store/store.json") << "{}\n";
  }
  void TearDown() override { files::remove_all(directory_); }

  // Adds a generation in which the program ends with `script.status`. Returns the image's path.
  std::string add_generation(unsigned number, const Script& script) {
    const std::string place = directory_ + "/store/generations/00000" + std::to_string(number);
    files::create_directories(place + "/node");
    image::ImageWriter writer;
    make_program_image(writer, 4321, 4000, 4321, 4321, script, directory_, output_);
    writer.header.generation = number;
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
    manifest.images.push_back({4321, "program", path, image.footer().file_length, image.footer().table_digest});
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

  std::string directory_, output_;
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
