// The store on disk: identity, owners, numbers, commit and pruning.
// World: programs.
#include "coordinator/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/environment.hpp"

namespace {

using namespace stasis;
using namespace stasis::coordinator;
namespace files = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/stasis-store-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    base_ = pattern;
    directory_ = base_ + "/run";
  }
  void TearDown() override { files::remove_all(base_); }
  void commit(const Store& store, std::uint64_t generation) {
    ASSERT_TRUE(store.begin_generation(generation).ok());
    const std::string images = store::generation_directory(store.directory(), generation) + "/main";
    files::create_directory(images);
    store::Manifest manifest;
    manifest.generation = generation;
    manifest.root = 42;
    manifest.reason = "command";
    manifest.images.push_back({42, "/bin/program", images + "/42.image", 5, 0xabcdef, ""});
    std::ofstream(manifest.images.front().path) << "image";
    ASSERT_TRUE(store.commit(manifest).ok());
  }
  std::string base_;
  std::string directory_;
};

TEST_F(StoreTest, KeepsItsIdentity) {
  const auto made = Store::open(directory_, false, "command");
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made).computation().size(), 16u);
  struct stat status{};
  ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  const auto again = Store::open(directory_ + "/", false, "command");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again).computation(), (*made).computation());
  EXPECT_EQ((*again).directory(), (*made).directory());
}

TEST_F(StoreTest, RefusesWhatIsNoStore) {
  files::create_directories(directory_);
  std::ofstream(directory_ + "/precious") << "data";
  EXPECT_EQ(Store::open(directory_, false, "").error().code, ErrorCode::not_a_store);
  EXPECT_TRUE(files::exists(directory_ + "/precious"));
  std::ofstream(base_ + "/file") << "data";
  EXPECT_EQ(Store::open(base_ + "/file", false, "").error().code, ErrorCode::not_a_store);
  files::create_directories(base_ + "/damaged");
  std::ofstream(base_ + "/damaged/" + store_layout::kIdentity) << "{ nonsense";
  EXPECT_EQ(Store::open(base_ + "/damaged", false, "").error().code, ErrorCode::not_a_store);
}

TEST_F(StoreTest, RefusesTheStoreOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  files::create_directories(directory_);
  ASSERT_EQ(::chown(directory_.c_str(), 65534, 65534), 0);
  EXPECT_EQ(Store::open(directory_, false, "").error().code, ErrorCode::foreign_store);
}

TEST_F(StoreTest, AGenerationExistsWhenItsManifestDoes) {
  const auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store).next_generation(), 1u);
  ASSERT_TRUE((*store).begin_generation(1).ok());
  EXPECT_TRUE((*store).committed().empty());
  EXPECT_EQ((*store).next_generation(), 2u) << "an abandoned number is not used again";
  commit(*store, 2);
  EXPECT_EQ((*store).committed(), (std::vector<std::uint64_t>{2}));
  std::ifstream file(directory_ + "/generations/000002/manifest");
  const auto manifest = nlohmann::json::parse(file);
  EXPECT_EQ(manifest.at("generation"), 2);
  EXPECT_EQ(manifest.at("computation"), (*store).computation());
  EXPECT_EQ(manifest.at("images").at(0).at("digest"), "abcdef");
  const std::string path = manifest.at("images").at(0).at("path");
  EXPECT_TRUE(files::exists(directory_ + "/generations/000002/" + path));
  EXPECT_FALSE(files::exists(directory_ + "/generations/000002/manifest.new"));
}

TEST_F(StoreTest, AManifestTellsTheImagesOfItsPartsApart) {
  store::Manifest manifest;
  const std::string directory = "/store/generations/000001";
  manifest.images = {{42, "a", directory + "/main/42.image", 5, 1, ""}, {43, "b", directory + "/5f3a9c01.0/43.image", 5, 1, ""}};
  EXPECT_EQ(manifest.images_of("main").size(), 2u) << "one that names no parts has all in one";
  manifest.parts = {{"main", "n1", "", 1, 42, "10.0.0.1"}, {"5f3a9c01.0", "n2", "5f3a9c01", 1, 43, "10.0.0.2 fd00::2"}};
  ASSERT_EQ(manifest.images_of("main").size(), 1u);
  EXPECT_EQ(manifest.images_of("main").front().pid, 42);
  ASSERT_EQ(manifest.images_of("5f3a9c01.0").size(), 1u);
  EXPECT_EQ(manifest.images_of("5f3a9c01.0").front().pid, 43);
  EXPECT_TRUE(manifest.images_of("5f3a9c01.1").empty());
}

TEST_F(StoreTest, WhatIsNotThereCannotBeMadeDurable) {
  const auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store).begin_generation(1).ok());
  EXPECT_FALSE(sync_part({{42, "/bin/program", store::generation_directory(directory_, 1) + "/main/42.image", 5, 1, ""}}).ok());
}

TEST_F(StoreTest, NodesFindTheRootByTheStore) {
  auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(read_root_address(directory_).error().code, ErrorCode::no_coordinator);
  ASSERT_TRUE((*store).publish("abcd", "/nowhere", 0, 0).ok());
  EXPECT_EQ(read_root_address(directory_).error().code, ErrorCode::no_coordinator) << "it takes no nodes";
  ASSERT_TRUE((*store).publish("abcd", "/nowhere", 4711, 0).ok());
  const auto address = read_root_address(directory_);
  ASSERT_TRUE(address.ok());
  EXPECT_EQ((*address).key, "abcd");
  EXPECT_EQ((*address).port, 4711);
  EXPECT_EQ((*address).computation, (*store).computation());
  EXPECT_EQ(read_root_address(base_).error().code, ErrorCode::no_store);
}

TEST_F(StoreTest, PrunesOldAndAbandonedGenerations) {
  const auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  for (const std::uint64_t generation : {1, 2, 4, 5}) commit(*store, generation);
  ASSERT_TRUE((*store).begin_generation(3).ok());
  ASSERT_TRUE((*store).begin_generation(6).ok());  // being written
  (*store).prune(2, {});
  EXPECT_EQ((*store).committed(), (std::vector<std::uint64_t>{4, 5}));
  EXPECT_FALSE(files::exists(directory_ + "/generations/000003"));
  EXPECT_TRUE(files::exists(directory_ + "/generations/000006"));
}

TEST_F(StoreTest, PrunesLogsOfPartsThatAreInNoGeneration) {
  const auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  for (const std::uint64_t generation : {1, 2, 3}) commit(*store, generation);
  files::create_directory(directory_ + "/generations/000001/pruned.0");
  files::create_directory(directory_ + "/generations/000003/kept.0");
  const std::vector<std::string> logs{"coordinator.pruned.0.log", "coordinator.kept.0.log", "coordinator.running.0.log", "coordinator.log", "mine.log"};
  for (const std::string& log : logs) std::ofstream(directory_ + "/" + log) << "line\n";
  (*store).prune(2, {"running.0"});
  std::vector<std::string> left;
  for (const std::string& log : logs) {
    if (files::exists(directory_ + "/" + log)) left.push_back(log);
  }
  EXPECT_EQ(left, std::vector<std::string>(logs.begin() + 1, logs.end()));
}

TEST_F(StoreTest, IsUsedOnceByANewProgram) {
  const auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  commit(*store, 1);
  EXPECT_EQ(Store::open(directory_, false, "").error().code, ErrorCode::store_used);
  EXPECT_TRUE(Store::open(directory_, true, "").ok());
}

TEST_F(StoreTest, KeepsTheKeyToItsOwner) {
  auto store = Store::open(directory_, false, "");
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store).publish("secret", "/dev/shm/nobody/listens", 0, 0).ok());
  struct stat status{};
  const std::string path = directory_ + "/" + store_layout::kCoordinator;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_TRUE(Store::open(directory_, false, "").ok()) << "a coordinator that is gone does not keep the store busy";
  (*store).retract();
  EXPECT_FALSE(files::exists(path));
  auto next = Store::open(directory_, false, "");
  ASSERT_TRUE(next.ok() && (*next).publish("another", "/dev/shm/nobody/listens", 0, 0).ok());
  (*store).retract();
  EXPECT_TRUE(files::exists(path)) << "it is another coordinator's by now";
}

}  // namespace
