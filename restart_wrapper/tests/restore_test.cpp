// Whole restarts from images made here: namespaces, tree, descriptors, shared memory, restorer, exit status.
//
// The program in the images is tests/program.c; the coordinator is a shell that says what is waited for: the library and the real coordinator
// are part of the tests under tests/.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <list>
#include <new>
#include <set>

#include "restart_wrapper/first_process.hpp"
#include "restart_wrapper/foreground.hpp"
#include "restart_wrapper/preflight.hpp"
#include "restart_wrapper/site.hpp"
#include "restart_wrapper/tests/program_image.hpp"

namespace stasis::restart {
namespace {

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-restore-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    output_ = directory_ + "/output";
    std::ofstream(output_) << "kept\n, and this is cut off";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // An image of program.c as process `pid`, which has the output file as descriptor 5.
  image::ImageWriter& add(int pid, int parent, int group, int session, const Script& setup) {
    make_program_image(images_.emplace_back(), pid, parent, group, session, setup, directory_, output_);
    return images_.back();
  }

  Outcome restart() {
    std::vector<ImageFile> paths;
    for (image::ImageWriter& writer : images_) {
      std::sort(writer.mappings.begin(), writer.mappings.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
      paths.push_back({directory_ + "/" + std::to_string(writer.process.pid) + ".image", 0, 0});
      writer.write(paths.back().path);
    }
    if (damage_ != 0) {
      std::fstream file(paths.back().path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(damage_));
      file.put('\x7f');
    }
    const Result<Computation> computation = load(paths, 0);
    if (!computation.ok()) return {false, 0, computation.error()};
    if (const Status status = preflight(*computation, IdMode::in_namespace); !status.ok()) return {false, 0, status.error()};
    Site site;
    site.computation = &*computation;
    const Result<Tree> tree = build_tree(computation->shapes(), {false, computation->root, computation->ids});
    if (!tree.ok()) return {false, 0, tree.error()};
    site.tree = *tree;
    site.vdso = *live_vdso();
    if (const Status status = choose_places(site); !status.ok()) return {false, 0, status.error()};
    return attempt(*computation, site);
  }

  std::set<std::string> lines() {
    std::set<std::string> all;
    std::ifstream file(output_);
    for (std::string line; std::getline(file, line);) all.insert(line);
    return all;
  }

  std::string directory_, output_;
  std::list<image::ImageWriter> images_;
  std::uint64_t damage_ = 0;  // offset of a byte to overwrite in the last image, 0: none

 private:
  Outcome attempt(const Computation& computation, Site& site) {
    void* gate = ::mmap(nullptr, image::kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    site.gate = new (gate) Gate;
    site.numbers = HighNumbers(computation.used_fds);
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    FirstProcess first;
    first.identity = identity();
    first.store = directory_;
    first.coordinator = {"/bin/sh", "-c", "echo ready >&3; echo running >&3"};
    first.stdio = {0, 1, 2};
    Result<Signals> signals = hold_signals();
    const Result<int> child = fork_into_namespace(first.identity, Session::own);
    if (child.ok() && *child == 0) {
      ::close(ends[0]);
      site.control_fd = ends[1];
      run_first_process(site, first);
    }
    ::close(ends[1]);
    Foreground foreground;
    foreground.control_fd = ends[0];
    foreground.first_process = *child;
    const Outcome outcome = stand_in_for_program(foreground, *signals);
    ::waitpid(*child, nullptr, 0);  // background processes too
    ::close(ends[0]);
    ::close(signals->fd);
    ::munmap(gate, image::kPage);
    ::munmap(reinterpret_cast<void*>(site.parking.start), site.vdso_refuge.end - site.parking.start);
    return outcome;
  }
};

TEST_F(RestoreTest, BringsAProcessBackWithItsFileAndItsExitStatus) {
  Script setup;
  setup.status = 42;
  add(4321, 4000, 4000, 3999, setup);
  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  EXPECT_EQ(outcome.exit_status, 42);
  EXPECT_EQ(content(output_), "kept\npid 4321 parent 4000 group 4000 session 3999 \n");
  EXPECT_EQ(content(directory_ + "/generations/000007/cut/main/77-output"), ", and this is cut off");
}

TEST_F(RestoreTest, ATreeHasItsParentsSessionsGroupsAndZombies) {
  Script root;
  root.waits = 1;
  image::ImageWriter& first = add(4321, 4000, 4321, 3999, root);
  first.zombies.push_back({4340, 4321, 3999, 0x0300, "gone"});
  Script child;
  child.waits = 1;
  add(4330, 4321, 4330, 4330, child);
  add(4331, 4330, 4321, 3999, Script{});
  add(4335, 1, 4332, 4332, Script{});  // a daemon whose leader is gone
  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  EXPECT_EQ(outcome.exit_status, 0);
  std::set<std::string> seen = lines();
  EXPECT_TRUE(seen.contains("pid 4331 parent 4330 group 4321 session 3999 "));
  EXPECT_TRUE(seen.contains("pid 4330 parent 4321 group 4330 session 4330 waited 4331 status 0 "));
  EXPECT_TRUE(seen.contains("pid 4335 parent 1 group 4332 session 4332 "));
  const bool one_order = seen.contains("pid 4321 parent 4000 group 4321 session 3999 waited 4340 status 768 waited 4330 status 0 ");
  EXPECT_TRUE(one_order || seen.contains("pid 4321 parent 4000 group 4321 session 3999 waited 4330 status 0 waited 4340 status 768 "));
}

TEST_F(RestoreTest, ProcessesSharePipesAndMemoryAgain) {
  Script setup;
  setup.waits = 1, setup.shared = kShared + 8, setup.read_fd = 6;
  image::ImageWriter& reader = add(4321, 1, 4321, 4321, setup);
  Script other;
  other.shared = kShared + 0x1008;
  image::ImageWriter& writer = add(4322, 4321, 4321, 4321, other);

  image::DescriptionRecord end;
  end.id = 2, end.kind = image::DescriptionKind::pipe, end.inode = 99, end.capacity = 65536, end.status_flags = O_RDONLY;
  end.content = reader.add_content("unread bytes");
  reader.descriptions.push_back(end);
  reader.descriptors.push_back({6, false, 2});
  end.id = 3, end.status_flags = O_WRONLY, end.content = {};
  writer.descriptions.push_back(end);
  writer.descriptors.push_back({7, false, 3});

  image::SharedMemoryRecord memory;
  memory.id = 1, memory.inode = 5, memory.size = 0x2000;
  std::string bytes(0x2000, '\0');
  bytes[8] = 5;
  memory.content = reader.add_content(bytes);
  reader.shared_memory.push_back(memory);
  memory.content = {};
  writer.shared_memory.push_back(memory);
  image::MappingRecord mapping;
  mapping.start = kShared, mapping.end = kShared + 0x2000, mapping.kind = image::MappingKind::shared_memory, mapping.object = 1;
  mapping.protection = PROT_READ | PROT_WRITE;
  reader.mappings.push_back(mapping);
  // The other process has only the first page of it, one page further on.
  mapping.start = kShared + 0x1000, mapping.end = kShared + 0x2000;
  writer.mappings.push_back(mapping);

  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  // The reader comes to the end of the pipe only if nobody else holds its writing end.
  EXPECT_TRUE(lines().contains("pid 4321 parent 1 group 4321 session 4321 read unread bytes waited 4322 status 0 sum 8648 ")) << content(output_);
}

// The offset of clock_gettime in the live vdso.
std::uint64_t clock_offset(const LiveVdso& live) {
  void* vdso = ::dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
  return reinterpret_cast<std::uint64_t>(::dlsym(vdso, "__vdso_clock_gettime")) - live.text.start;
}

TEST_F(RestoreTest, TheVdsoWorksAtItsOldPlace) {
  const LiveVdso live = *live_vdso();
  if (live.bytes.empty()) GTEST_SKIP() << "this kernel maps no vdso";
  constexpr std::uint64_t kBlock = 0x40000000;
  const std::uint64_t text = kBlock + (live.text.start - live.block.start);
  Script script;
  script.clock = text + clock_offset(live);
  image::ProcessRecord& process = add(4321, 1, 4321, 4321, script).process;
  process.vvar_start = kBlock, process.vdso_start = text, process.vdso_end = text + live.text.length(), process.vdso = live.bytes;
  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  EXPECT_TRUE(lines().contains("pid 4321 parent 1 group 4321 session 4321 clock right ")) << content(output_);
}

TEST_F(RestoreTest, AnotherKernelsVdsoLeadsIntoTheLiveOne) {
  const LiveVdso live = *live_vdso();
  if (live.bytes.empty()) GTEST_SKIP() << "this kernel maps no vdso";
  const std::string other = live.bytes + std::string(image::kPage, '\0');  // longer, and the old data pages are where the program has memory
  constexpr std::uint64_t kText = 0x40004000;
  Script script;
  script.clock = kText + clock_offset(live);
  image::ProcessRecord& process = add(4321, 1, 4321, 4321, script).process;
  process.vvar_start = kText - image::kPage, process.vdso_start = kText, process.vdso_end = kText + other.size(), process.vdso = other;
  // Memory of the program where the live vdso is now: that has to make way.
  image::MappingRecord mapping;
  mapping.start = live.block.start, mapping.end = live.block.end, mapping.protection = PROT_READ | PROT_WRITE;
  images_.back().mappings.push_back(mapping);
  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  EXPECT_TRUE(lines().contains("pid 4321 parent 1 group 4321 session 4321 clock right ")) << content(output_);
}

TEST_F(RestoreTest, DamagedPageDataEndsTheAttemptBeforeTheProgramRuns) {
  add(4321, 4000, 4000, 3999, Script{});
  damage_ = sizeof(image::FileHeader) + 100;  // in the data area
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::image_damaged);
  EXPECT_NE(outcome.failure.detail.view().find("4321.image"), std::string_view::npos);
  EXPECT_EQ(content(output_), "kept\n");
}

TEST_F(RestoreTest, AShorterFileIsRefusedByName) {
  add(4321, 4000, 4000, 3999, Script{});
  std::filesystem::resize_file(output_, 2);
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::file_changed);
  EXPECT_NE(outcome.failure.detail.view().find(output_), std::string_view::npos);
}

TEST_F(RestoreTest, AMissingDirectoryIsRefusedByName) {
  const std::string gone = directory_ + "/gone";
  add(4321, 4000, 4000, 3999, Script{}).process.directory = gone;
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::file_missing);
}

TEST_F(RestoreTest, ADeadProcessIsNoticed) {
  add(4321, 4000, 4000, 3999, Script{}).process.entry = 0x50000000;  // nothing there
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_NE(outcome.failure.detail.view().find("4321 ended"), std::string_view::npos) << outcome.failure.detail.c_str();
}

}  // namespace
}  // namespace stasis::restart
