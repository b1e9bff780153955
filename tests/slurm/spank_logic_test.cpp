// The parts of the plugin that need no Slurm: lists of preloaded libraries and the names of stores.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "spank_plugin/preload.hpp"
#include "spank_plugin/store_directory.hpp"

namespace stasis::spank {
namespace {

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
