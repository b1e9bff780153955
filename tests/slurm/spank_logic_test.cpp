// The parts of the plugin that need no Slurm: values of options, lists of preloaded libraries, names of stores.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/preload.hpp"
#include "spank_plugin/option_values.hpp"
#include "spank_plugin/store_directory.hpp"

namespace stasis::spank {
namespace {

TEST(OptionValues, TimesAndNumbers) {
  EXPECT_EQ(*parse_interval("30s"), 30u);
  EXPECT_EQ(*parse_interval("1-00:30"), 88'200u);
  EXPECT_EQ(parse_interval("30x").error().code, ErrorCode::bad_time);
  EXPECT_EQ(parse_interval("").error().code, ErrorCode::bad_time);
  EXPECT_EQ(*parse_keep("2"), 2u);
  for (const char* bad : {"", "0", "-1", "2x", "99999999999"}) EXPECT_EQ(parse_keep(bad).error().code, ErrorCode::bad_number) << bad;
}

TEST(OptionValues, Directories) {
  EXPECT_EQ((*parse_directory("a/%j", "/home/alice")).view(), "/home/alice/a/%j");
  EXPECT_EQ((*parse_directory("/s/%u%%", "/home/alice")).view(), "/s/%u%%");
  for (const char* bad : {"", "a%z", "a%", "a\nb"}) EXPECT_EQ(parse_directory(bad, "/").error().code, ErrorCode::bad_directory) << bad;
  EXPECT_FALSE(parse_directory(std::string(4'000, 'a'), "/").ok());
}

TEST(OptionValues, ArgumentsOfPlugstack) {
  char good[] = "grace=90", bad[] = "grace=soon", unknown[] = "speed=9";
  char* one = good;
  EXPECT_EQ((*parse_site(1, &one)).grace_seconds, 90u);
  EXPECT_EQ((*parse_site(0, nullptr)).grace_seconds, 60u);
  one = bad;
  EXPECT_FALSE(parse_site(1, &one).ok());
  one = unknown;
  EXPECT_FALSE(parse_site(1, &one).ok());
}

TEST(Preload, PutsTheLibraryFirstAndKeepsTheUsersList) {
  EXPECT_EQ(with_library("/p/libstasis.so", ""), "/p/libstasis.so");
  EXPECT_EQ(with_library("/p/libstasis.so", "a.so:b.so"), "/p/libstasis.so:a.so:b.so");
  EXPECT_EQ(with_library("/p/libstasis.so", "a.so /old/libstasis.so b.so"), "/p/libstasis.so:a.so:b.so");
}

TEST(Preload, TakesOnlyOurLibraryOut) {
  EXPECT_EQ(without_library("/p/libstasis.so"), "");
  EXPECT_EQ(without_library("a.so::/p/libstasis.so: b.so"), "a.so:b.so");
  EXPECT_EQ(without_library("/p/mylibstasis.so"), "/p/mylibstasis.so");
}

StoreNames names() { return {"12", "10", "3", "alice", "a/b", "n1", ""}; }

TEST(StoreDirectory, FillsInPatterns) {
  EXPECT_EQ(expand_store_directory("/s/%u/%A_%a-%x-%N%%", names()), "/s/alice/10_3-a_b-n1%");
  EXPECT_EQ(expand_store_directory("/s/stasis-%j", names()), "/s/stasis-12");
}

TEST(StoreDirectory, TasksOfAnArrayNeverShareAStore) {
  EXPECT_EQ(expand_store_directory("/s/saved", names()), "/s/saved-3");
  EXPECT_EQ(expand_store_directory("/s/saved-%A", names()), "/s/saved-10-3");
  StoreNames alone = names();
  alone.array_task = "";
  EXPECT_EQ(expand_store_directory("/s/saved", alone), "/s/saved");
}

TEST(StoreDirectory, LaterStepsGetTheirOwn) {
  StoreNames step = names();
  step.step = "0";
  EXPECT_EQ(expand_store_directory("/s/stasis-%j", step), "/s/stasis-12");
  step.step = "2";
  EXPECT_EQ(expand_store_directory("/s/stasis-%j", step), "/s/stasis-12.2");
}

TEST(StoreDirectory, AGenerationIsAManifest) {
  const std::filesystem::path store = std::filesystem::path(testing::TempDir()) / "spank_logic_store";
  std::filesystem::remove_all(store);
  EXPECT_FALSE(has_generation(store));
  std::filesystem::create_directories(store / "generations" / "000001");
  EXPECT_FALSE(has_generation(store));
  std::ofstream(store / "generations" / "000001" / "manifest") << "{}";
  EXPECT_TRUE(has_generation(store));
  std::filesystem::remove_all(store);
}

}  // namespace
}  // namespace stasis::spank
