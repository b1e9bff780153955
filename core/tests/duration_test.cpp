// Times: Slurm's grammar and the short form, their errors, and the normalised form.
// World: programs.
#include "core/base/duration.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace stasis;

TEST(Duration, ReadsBothGrammars) {
  const struct {
    const char* text;
    std::uint64_t seconds;
  } cases[] = {{"30", 1800},       {"30:15", 1815},       {"1:30:15", 5415}, {"1-00", 86400},  {"1-02:30", 95400}, {"1-02:30:15", 95415},
               {"90s", 90},        {"30m", 1800},         {"2h", 7200},      {"1d", 86400},    {"0", 0},           {"0:00:01", 1}};
  for (const auto& one : cases) {
    const auto read = parse_duration(one.text);
    ASSERT_TRUE(read.ok()) << one.text;
    EXPECT_EQ(*read, one.seconds) << one.text;
  }
}

TEST(Duration, NamesWhatIsNoTime) {
  for (const char* text : {"", "30x", "x", "-5", "1:2:3:4", "1-", ":30", "30:", "s", "1.5h", " 30", "30 ", "99999999999999999999", "999999999d"}) {
    const auto read = parse_duration(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::bad_time) << text;
    EXPECT_NE(std::string(read.error().detail.view()).find(text), std::string::npos) << text;
  }
}

TEST(Duration, PrintsTheLargestUnitAndReadsItBack) {
  EXPECT_EQ(format_duration(90).view(), "90s");
  EXPECT_EQ(format_duration(1800).view(), "30m");
  EXPECT_EQ(format_duration(7200).view(), "2h");
  EXPECT_EQ(format_duration(86400).view(), "1d");
  EXPECT_EQ(format_duration(0).view(), "0s");
  for (std::uint64_t seconds : {1u, 59u, 60u, 61u, 3600u, 86399u, 86400u, 90000u}) {
    const auto read = parse_duration(format_duration(seconds).view());
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, seconds);
  }
}

}  // namespace
