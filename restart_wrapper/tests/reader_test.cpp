// Damaged, truncated, foreign images: each is refused with the error that says what is wrong with it.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "restart_wrapper/tests/image_writer.hpp"

namespace stasis::image {
namespace {

class ReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-reader-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/1.image";
    ImageWriter writer;
    writer.process.pid = 1;
    writer.process.program = "/bin/program";
    writer.threads.push_back({1, "program", 7});
    writer.mappings.emplace_back();
    writer.add_memory(0x10000, std::string(3 * kPage, 'x'));
    writer.descriptions.emplace_back();
    writer.descriptions.back().content = writer.add_content("unread");
    writer.write(path_);
    size_ = std::filesystem::file_size(path_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void flip(std::uint64_t at) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(~byte));
  }
  ErrorCode open_error() {
    const Result<Image> image = Image::open(path_);
    if (!image.ok()) {
      EXPECT_NE(image.error().detail.view().find(path_), std::string_view::npos);
    }
    return image.error().code;
  }
  std::string directory_, path_;
  std::uint64_t size_ = 0;
};

TEST_F(ReaderTest, AWholeImageIsReadAndVerified) {
  Result<Image> image = Image::open(path_);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->process().program, "/bin/program");
  ASSERT_EQ(image->threads().size(), 1u);
  EXPECT_EQ(image->threads()[0].system_call, 7);
  EXPECT_EQ(image->page_runs().size(), 1u);
  EXPECT_TRUE(image->verify_data().ok());
  std::string content;
  EXPECT_TRUE(image->read_content(image->descriptions()[0].content, [&](std::uint64_t, std::string_view bytes) -> Status { content += bytes; return {}; }).ok());
  EXPECT_EQ(content, "unread");
}

TEST_F(ReaderTest, EveryCutIsTruncation) {
  for (std::uint64_t length = size_ - 1; length > sizeof(FileHeader); length -= std::min<std::uint64_t>(length - sizeof(FileHeader), 41)) {
    std::filesystem::resize_file(path_, length);
    ASSERT_EQ(open_error(), ErrorCode::image_truncated) << length;
  }
}

TEST_F(ReaderTest, WhatIsNoImageIsNotCalledDamaged) {
  std::filesystem::resize_file(path_, 10);
  EXPECT_EQ(open_error(), ErrorCode::not_an_image);
  std::ofstream(path_) << std::string(1000, 'a');
  EXPECT_EQ(open_error(), ErrorCode::not_an_image);
}

TEST_F(ReaderTest, AnotherVersionIsNamed) {
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);
  file.put(2);
  file.close();
  EXPECT_EQ(open_error(), ErrorCode::image_version);
}

TEST_F(ReaderTest, EveryByteOfTheMetadataIsCovered) {
  Result<Image> image = Image::open(path_);
  ASSERT_TRUE(image.ok());
  const std::uint64_t first = image->sections()[0].offset;
  for (std::uint64_t at = first; at != size_; ++at) {
    flip(at);
    const ErrorCode code = open_error();
    ASSERT_NE(code, ErrorCode::none) << "byte " << at;
    flip(at);
  }
}

TEST_F(ReaderTest, EveryByteOfTheDataIsVerified) {
  for (const std::uint64_t at : {sizeof(FileHeader), sizeof(FileHeader) + 3 * kPage - 1, sizeof(FileHeader) + 3 * kPage + 2}) {
    flip(at);
    Result<Image> image = Image::open(path_);
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->verify_data().error().code, ErrorCode::image_damaged) << at;
    flip(at);
  }
}

}  // namespace
}  // namespace stasis::image
