// The drain filter: whatever the stream is and wherever reads cut it, markers of this launch come out, at their place, and nothing else changes.
#include "launch_proxy/drain_filter.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace stasis::launch_proxy {
namespace {

constexpr const char* kLaunch = "0badcafe";

std::string marker(std::uint32_t task, const char* launch = kLaunch, const char* nonce = "0123456789abcdef") {
  proto::DrainMarker marker;
  marker.launch = launch;
  marker.nonce = nonce;
  marker.task = task;
  return marker.text().c_str();
}

// What comes out, with "<TASK>" where a marker is told.
struct Outcome {
  std::string text;
  std::vector<std::string> nonces;
};

Outcome filtered(const std::vector<std::string_view>& pieces, bool labelled) {
  Outcome out;
  DrainFilter filter(kLaunch, labelled,
                     {[&](std::string_view bytes) { out.text += bytes; },
                      [&](const proto::DrainMarker& seen) {
                        out.text += "<" + std::to_string(seen.task) + ">";
                        out.nonces.emplace_back(seen.nonce.view());
                      }});
  for (const std::string_view piece : pieces) filter.feed(piece);
  filter.finish();
  return out;
}

// The same for the whole stream, for each place of one cut, and byte by byte.
std::string always(const std::string& stream, bool labelled) {
  const std::string whole = filtered({stream}, labelled).text;
  const std::string_view view = stream;
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at != stream.size(); ++at) {
    EXPECT_EQ(filtered({view.substr(0, at), view.substr(at)}, labelled).text, whole) << "cut at " << at;
    bytes.push_back(view.substr(at, 1));
  }
  EXPECT_EQ(filtered(bytes, labelled).text, whole) << "byte by byte";
  return whole;
}

TEST(DrainFilter, TakesOutMarkers) {
  EXPECT_EQ(always("a\n" + marker(0) + "b\n", false), "a\n<0>b\n");
  EXPECT_EQ(always(marker(4294967295u), false), "<4294967295>");
  EXPECT_EQ(always(marker(0) + marker(1) + marker(2), false), "<0><1><2>");
  EXPECT_EQ(filtered({marker(7, kLaunch, "fedcba9876543210")}, false).nonces, std::vector<std::string>{"fedcba9876543210"});
}

TEST(DrainFilter, KeepsAPartialLineTogether) { EXPECT_EQ(always("abc" + marker(3) + "def\n", false), "abc<3>def\n"); }

TEST(DrainFilter, LeavesWhatIsNoMarkerOfThisLaunch) {
  for (const std::string& text :
       {marker(0, "0badcaff"), marker(0).substr(0, 30), std::string("\x02\x02\x02stasis-drain "),
        std::string("\x02stasis-drain 0badcafe 0123456789abcdef \x03\n"), std::string("\x02stasis-drain 0badcafe 0123456789abcdeg 0\x03\n"),
        std::string("\x02stasis-drain 0badcafe 0123456789abcdef 4294967296\x03\n"), std::string("\x02stasis-drain 0badcafe 0123456789abcdef 12345678901\x03\n"),
        std::string("\x02stasis-drain 0badcafe 0123456789abcdef 0\x03x"), std::string("\x02"), std::string("a\0b\x02\0", 5)}) {
    EXPECT_EQ(always(text, false), text);
    EXPECT_EQ(always(text, true), text);
    EXPECT_EQ(always("0: " + text + "\n", true), "0: " + text + "\n");
  }
}

// A marker right behind what looked like the beginning of one.
TEST(DrainFilter, FindsAMarkerBehindAFalseStart) {
  EXPECT_EQ(always("\x02stasis-dr" + marker(0) + "x", false), "\x02stasis-dr<0>x");
  EXPECT_EQ(always("\x02" + marker(0), false), "\x02<0>");
  EXPECT_EQ(always("0: \x02stasis-dr" + marker(0) + "0: x\n", true), "<0>0: \x02stasis-drx\n");
}

TEST(DrainFilter, TakesLabelsOut) {
  EXPECT_EQ(always("0: a\n0: " + marker(0) + "1: b\n", true), "0: a\n<0>1: b\n");
  EXPECT_EQ(always(" 3: a\n 3: " + marker(3) + "12: " + marker(12) + " 3: b\n", true), " 3: a\n<3><12> 3: b\n");
  EXPECT_EQ(always("P1  3: a\nP1  3: " + marker(3) + "P1  3: b\n", true), "P1  3: a\n<3>P1  3: b\n");
}

TEST(DrainFilter, GivesALineThatGoesOnItsLabelOnce) {
  EXPECT_EQ(always("0: abc" + marker(0) + "1: x\n0: def\n0: ghi\n", true), "<0>1: x\n0: abcdef\n0: ghi\n");
  EXPECT_EQ(always("0: abc" + marker(0) + "0: def" + marker(0) + "0: ghi\n", true), "<0><0>0: abcdefghi\n");
  EXPECT_EQ(always("0: abc" + marker(0) + "0: " + marker(0) + "0: ghi\n", true), "<0><0>0: abcghi\n");
  EXPECT_EQ(always("0: abc" + marker(0) + "1: def\n", true), "<0>1: def\n0: abc\n");  // its end never came: srun would have ended it so
}

TEST(DrainFilter, PassesSrunsOwnLinesAtOnce) {
  std::string text;
  DrainFilter filter(kLaunch, true, {[&](std::string_view bytes) { text += bytes; }, [](const proto::DrainMarker&) {}});
  filter.feed("srun: err");
  EXPECT_EQ(text, "srun: err");
  filter.feed("or\n0: x");
  EXPECT_EQ(text, "srun: error\n");
  filter.feed("y\n");
  EXPECT_EQ(text, "srun: error\n0: xy\n");
}

TEST(DrainFilter, HoldsBackOnlyWhatMayBeAMarker) {
  std::string text;
  DrainFilter filter(kLaunch, false, {[&](std::string_view bytes) { text += bytes; }, [](const proto::DrainMarker&) {}});
  filter.feed("prompt> \x02stasis-");
  EXPECT_EQ(text, "prompt> ");
  filter.feed("d");
  EXPECT_EQ(text, "prompt> ");
  filter.feed("x");
  EXPECT_EQ(text, "prompt> \x02stasis-dx");
}

// Not srun's, for it is longer than srun's lines are: it must not be kept until it ends.
TEST(DrainFilter, KeepsNoEndlessLine) {
  std::size_t passed = 0;
  DrainFilter filter(kLaunch, true, {[&](std::string_view bytes) { passed += bytes.size(); }, [](const proto::DrainMarker&) {}});
  filter.feed("0: ");
  for (int i = 0; i != 100; ++i) filter.feed(std::string(100, 'x'));
  EXPECT_GE(passed, 7'000u);
}

// A line of more than a message comes in pieces, each with a label and an end of its own; the marker may be in two of them.
TEST(DrainFilter, JoinsAMarkerThatSlurmHasCut) {
  const std::string line(1000, 'a'), full = line + marker(0);
  EXPECT_EQ(always("0: " + full.substr(0, 1024) + "\n1: x\n0: " + full.substr(1024) + "0: b\n", true), "1: x\n<0>0: " + line + "b\n");
  const std::string other = line + "\x02stasis-drain 0badcafe 0";  // 1024 bytes that look so, and are not
  ASSERT_EQ(other.size(), 1024u);
  EXPECT_EQ(always("0: " + other + "\n0: b\n", true), "0: " + other + "\n0: b\n");
  EXPECT_EQ(always("0: " + other + "\n", true), "0: " + other + "\n");
}

// Random streams of the pieces that matter, cut at random.
TEST(DrainFilter, SurvivesRandomStreamsAndCuts) {
  std::mt19937 random(20261123);
  const auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random); };
  const std::string pieces[] = {
      "\n", "\x02", "\x03\n", "stasis-drain ", "0badcafe ", "text", marker(0), marker(1), marker(1, "12345678"), std::string(1, '\0'), "0: ", "9"};
  for (int round = 0; round != 3000; ++round) {
    std::string stream, expected;
    while (stream.size() < 400) {
      const std::string& piece = pieces[below(std::size(pieces))];
      stream += piece;
      if (piece == marker(0))
        expected += "<0>";
      else if (piece == marker(1))
        expected += "<1>";
      else
        expected += piece;
    }
    ASSERT_EQ(filtered({stream}, false).text, expected);
    std::vector<std::string_view> cuts;
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t length = std::min(rest.size(), 1 + below(40));
      cuts.push_back(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    ASSERT_EQ(filtered(cuts, false).text, filtered({stream}, false).text);
    ASSERT_EQ(filtered(cuts, true).text, filtered({stream}, true).text);
  }
}

}  // namespace
}  // namespace stasis::launch_proxy
