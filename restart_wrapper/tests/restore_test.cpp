// A whole restart of one process from an image made here: namespaces, tree, descriptors, restorer, exit status.
//
// The coordinator is a shell that says it is ready; the real one is part of the tests under tests/.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <new>

#include "restart_wrapper/first_process.hpp"
#include "restart_wrapper/foreground.hpp"
#include "restart_wrapper/preflight.hpp"
#include "restart_wrapper/site.hpp"
#include "restart_wrapper/tests/image_writer.hpp"

extern "C" const char test_program[];
extern "C" const char test_program_end[];

namespace stasis::restart {
namespace {

constexpr std::uint64_t kCode = 0x10000000, kData = 0x10001000;
constexpr int kPid = 4321;

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-restore-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    output_ = directory_ + "/output";
    std::ofstream(output_) << "kept, and this is cut off";
    image_.process.pid = kPid;
    image_.process.parent = 4000;
    image_.process.group = 4000;
    image_.process.session = 3999;
    image_.process.user = ::geteuid();
    image_.process.computation = "0123456789abcdef";
    image_.header.generation = 7;
    image_.process.program = "/bin/true";
    image_.process.name = "restored";
    image_.process.directory = directory_;
    image_.process.entry = kCode;
    image_.process.entry_stack = kData + 0x1000;
    image_.process.handoff = kData;
    image_.process.start_code = kCode, image_.process.end_code = kCode + 0x100;
    image_.process.start_data = kData, image_.process.end_data = kData + 0x100;
    image_.process.start_brk = image_.process.brk = 0x20000000;
    image_.process.start_stack = kData + 0xf00;
    image_.process.argument_start = kData + 0xe00, image_.process.argument_end = kData + 0xe10;
    image_.process.environment_start = image_.process.environment_end = kData + 0xe10;
    image_.threads.push_back({kPid, "restored", -1});
    image::MappingRecord code;
    code.start = kCode, code.end = kCode + 0x1000, code.protection = PROT_READ | PROT_EXEC;
    image::MappingRecord data;
    data.start = kData, data.end = kData + 0x1000, data.protection = PROT_READ | PROT_WRITE;
    image_.mappings = {code, data};
    image_.add_memory(kCode, std::string(test_program, test_program_end));
    std::string memory(0x1000, '\0');
    const std::string text = " again\n";
    memory[0x100] = 42;
    memory[0x104] = static_cast<char>(text.size());
    memory.replace(0x108, text.size(), text);
    image_.add_memory(kData, memory);
    image::DescriptionRecord file;
    file.id = 1, file.status_flags = O_WRONLY, file.offset = 4, file.size = 4, file.path = output_;
    image_.descriptions = {file};
    image_.descriptors = {{5, false, 1}};
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Outcome restart() {
    const std::string path = directory_ + "/image";
    image_.write(path);
    if (damage_ != 0) {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(damage_));
      file.put('\x7f');
    }
    Result<Computation> computation = load({path}, 0);
    if (!computation.ok()) return {false, 0, computation.error()};
    if (const Status status = preflight(*computation); !status.ok()) return {false, 0, status.error()};
    Site site;
    site.computation = &*computation;
    const Result<Tree> tree = build_tree(computation->shapes(), {false, computation->root, computation->ids});
    if (!tree.ok()) return {false, 0, tree.error()};
    site.tree = *tree;
    site.vdso = *live_vdso();
    if (const Status status = choose_places(site); !status.ok()) return {false, 0, status.error()};
    site.gate = new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Gate;
    site.numbers = HighNumbers(computation->used_fds);
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    FirstProcess first;
    first.identity = identity();
    first.store = directory_;
    first.coordinator = {"/bin/sh", "-c", "echo ready >&3"};
    first.stdio = {0, 1, 2};
    const Result<int> signals = hold_signals();
    const Result<int> child = fork_into_namespace(first.identity);
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
    ::close(ends[0]);
    ::close(*signals);
    ::munmap(reinterpret_cast<void*>(site.parking.start), site.vdso_refuge.end - site.parking.start);
    return outcome;
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string directory_, output_;
  std::uint64_t damage_ = 0;  // offset of a byte to overwrite, 0: none
  image::ImageWriter image_;
};

TEST_F(RestoreTest, BringsAProcessBackWithItsFileAndItsExitStatus) {
  const Outcome outcome = restart();
  ASSERT_TRUE(outcome.restored) << outcome.failure.detail.c_str() << " " << outcome.failure.sys_errno;
  EXPECT_EQ(outcome.exit_status, 42);
  EXPECT_EQ(content(output_), "kept again\n");
  std::string cut;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ + "/generations"))
    if (entry.is_regular_file()) cut = content(entry.path().string());
  EXPECT_EQ(cut, ", and this is cut off");
}

TEST_F(RestoreTest, DamagedPageDataEndsTheAttemptBeforeTheProgramRuns) {
  // The data area starts right after the header: the first byte of the program's code.
  damage_ = sizeof(image::FileHeader);
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::image_damaged);
  EXPECT_NE(outcome.failure.detail.view().find(directory_ + "/image"), std::string_view::npos);
  EXPECT_EQ(content(output_), "kept");
}

TEST_F(RestoreTest, AShorterFileIsRefusedByName) {
  std::filesystem::resize_file(output_, 2);
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::file_changed);
  EXPECT_NE(outcome.failure.detail.view().find(output_), std::string_view::npos);
}

TEST_F(RestoreTest, AMissingDirectoryIsRefusedByName) {
  const std::string gone = directory_ + "/gone";
  image_.process.directory = gone;
  const Outcome outcome = restart();
  EXPECT_FALSE(outcome.restored);
  EXPECT_EQ(outcome.failure.code, ErrorCode::file_missing);
}

}  // namespace
}  // namespace stasis::restart
