// Which of the program's files are on disk when a generation is committed.
//
// cachestat(2) tells how many pages of a file are still to be written.
// World: programs.
#include "coordinator/written_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>

#include "restart_wrapper/tests/image_writer.hpp"

namespace {

using namespace stasis;
using namespace stasis::coordinator;
namespace files = std::filesystem;

constexpr long kCachestat = 451;  // Linux 6.5
constexpr long kTmpfs = 0x01021994;

class WrittenFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/stasis-written-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    base_ = pattern;
    struct statfs system{};
    ::statfs(base_.c_str(), &system);
    if (system.f_type == kTmpfs) GTEST_SKIP() << "nothing is durable on tmpfs";
    write("probe");
    errno = 0;
    static_cast<void>(dirty("probe"));
    if (errno == ENOSYS) GTEST_SKIP() << "cachestat needs Linux 6.5";
  }
  void TearDown() override { files::remove_all(base_); }

  std::string path(const std::string& name) const { return base_ + "/" + name; }
  void write(const std::string& name) { std::ofstream(path(name)) << std::string(20'000, 'x'); }
  // Pages of the file that are not on disk.
  std::uint64_t dirty(const std::string& name) {
    struct {
      std::uint64_t offset = 0, length = 0;
    } range;
    struct {
      std::uint64_t cached = 0, dirty = 0, writeback = 0, evicted = 0, recently_evicted = 0;
    } counts;
    const int fd = ::open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
    static_cast<void>(::syscall(kCachestat, fd, &range, &counts, 0));
    ::close(fd);
    return counts.dirty + counts.writeback;
  }
  void describe(const std::string& name, std::uint32_t flags) {
    image::DescriptionRecord description;
    paths_.push_back(path(name));
    description.path = paths_.back();
    description.status_flags = flags;
    writer_.descriptions.push_back(description);
  }
  Status sync() {
    writer_.process.pid = 42;
    writer_.write(path("image"));
    return sync_written_files({path("image")});
  }

  std::string base_;
  std::deque<std::string> paths_;  // records point to their text
  image::ImageWriter writer_;
};

TEST_F(WrittenFilesTest, FilesOpenForWritingAreOnDisk) {
  for (const char* name : {"written", "both"}) write(name);
  describe("written", O_WRONLY | O_APPEND);
  describe("both", O_RDWR);
  describe("both", O_RDWR);
  ASSERT_TRUE(sync().ok());
  EXPECT_EQ(dirty("written"), 0u);
  EXPECT_EQ(dirty("both"), 0u);
}

TEST_F(WrittenFilesTest, FilesMappedSharedAreOnDisk) {
  write("mapped");
  image::MappingRecord mapping;
  mapping.kind = image::MappingKind::file_shared;
  paths_.push_back(path("mapped"));
  mapping.path = paths_.back();
  writer_.mappings.push_back(mapping);
  ASSERT_TRUE(sync().ok());
  EXPECT_EQ(dirty("mapped"), 0u);
}

TEST_F(WrittenFilesTest, WhatIsNotThereAnyMoreOrIsNoFileDoesNotMatter) {
  describe("gone", O_WRONLY);
  describe("fifo", O_RDWR);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(sync().ok());
}

TEST_F(WrittenFilesTest, AFileThatMayOnlyBeWrittenIsOnDisk) {
  write("log");
  describe("log", O_WRONLY);
  ASSERT_EQ(::chmod(path("log").c_str(), 0200), 0);
  ASSERT_TRUE(sync().ok());
  ASSERT_EQ(::chmod(path("log").c_str(), 0600), 0);
  EXPECT_EQ(dirty("log"), 0u);
}

TEST_F(WrittenFilesTest, AnImageThatCannotBeReadIsAnError) {
  std::ofstream(path("image")) << "nonsense";
  EXPECT_FALSE(sync_written_files({path("image")}).ok());
}

}  // namespace
