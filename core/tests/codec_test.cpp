// Records on the wire: what is written is read back, older writers are understood, nonsense is refused.
// World: programs.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/codec/codec.hpp"
#include "core/proto/frame.hpp"
#include "core/proto/messages.hpp"

namespace {

using namespace stasis;

template <class Record>
std::string encode(const Record& record) {
  std::string bytes(encoded_size(record), '\0');
  Writer writer(bytes.data(), bytes.size());
  writer.record(record);
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), bytes.size());
  return bytes;
}

proto::Inventory three_entries(std::vector<proto::SharedEntry>& entries) {
  for (std::uint64_t i = 1; i <= 3; ++i) entries.push_back({proto::SharedKind::description, i, 10 * i, 100 * i, static_cast<std::int32_t>(i)});
  return {{entries.data(), static_cast<std::uint32_t>(entries.size())}, {}};
}

TEST(Codec, ReadsBackTextNumbersAndFlags) {
  proto::Begin written;
  written.generation = 7;
  written.image_path = "/store/generations/000007/n1/42.image";
  written.exit_after = true;
  written.called_thread = 1234;
  const std::string bytes = encode(written);
  proto::Begin read;
  Reader reader(bytes);
  reader.record(read);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_EQ(read.generation, 7u);
  EXPECT_EQ(read.image_path, written.image_path);
  EXPECT_TRUE(read.exit_after);
  EXPECT_EQ(read.called_thread, 1234);
}

TEST(Codec, ReadsBackSequences) {
  std::vector<proto::SharedEntry> entries;
  const std::string bytes = encode(three_entries(entries));
  proto::Inventory read;
  Reader reader(bytes);
  reader.record(read);
  ASSERT_TRUE(reader.ok());
  ASSERT_EQ(read.entries.size(), 3u);
  std::vector<std::uint64_t> inodes;
  read.entries.for_each([&](const proto::SharedEntry& entry) { inodes.push_back(entry.inode); });
  EXPECT_EQ(inodes, (std::vector<std::uint64_t>{10, 20, 30}));
}

TEST(Codec, LeavesFieldsOfOlderWritersAtTheirDefaults) {
  proto::Reply written;
  written.code = ErrorCode::busy;
  std::string bytes = encode(written);
  bytes.resize(sizeof(std::uint16_t));  // a writer that knew the first field only
  proto::Reply read;
  read.text = "default";
  Reader reader(bytes);
  reader.record(read);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(read.code, ErrorCode::busy);
  EXPECT_EQ(read.text, "default");
}

TEST(Codec, RefusesLengthsBeyondTheEnd) {
  std::vector<proto::SharedEntry> entries;
  const std::string whole = encode(three_entries(entries));
  // Up to the start of the last entry: one that ends between two of its own fields is an older writer's.
  const std::size_t last_entry = encoded_size(entries.back());
  const std::size_t extents = encoded_size(proto::Inventory{}) / 2;  // the empty list that follows, likewise
  for (std::size_t length = 1; length <= whole.size() - extents - last_entry; ++length) {
    proto::Inventory read;
    Reader reader(std::string_view(whole).substr(0, length));
    reader.record(read);
    EXPECT_FALSE(reader.ok()) << length;
    EXPECT_EQ(read.entries.size(), 0u) << length;
  }
  std::string lying = encode(proto::Progress{"text"});
  lying[0] = '\x7f';
  proto::Progress read;
  Reader reader(lying);
  reader.record(read);
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, NeverWritesBeyondTheBuffer) {
  char buffer[9] = "????????";
  Writer writer(buffer, 6);
  writer.record(proto::Progress{"longer than six bytes"});
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(std::string_view(buffer + 6), "??");
}

TEST(Frame, KnowsItsOwn) {
  proto::FrameHeader header;
  EXPECT_TRUE(proto::is_valid(header));
  header.length = proto::kMaximumPayload + 1;
  EXPECT_FALSE(proto::is_valid(header));
  header.length = 0;
  header.magic = 0x47455420;  // "GET "
  EXPECT_FALSE(proto::is_valid(header));
}

}  // namespace
