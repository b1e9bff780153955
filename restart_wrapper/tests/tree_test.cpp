// The order in which processes are made: every case is one that programs make.
#include <gtest/gtest.h>

#include <algorithm>

#include "restart_wrapper/tree.hpp"

namespace stasis::restart {
namespace {

ProcessShape process(int pid, int parent, int group, int session, int member) { return {pid, parent, group, session, false, 0, member}; }

class TreeTest : public testing::Test {
 protected:
  void build(std::vector<ProcessShape> processes, bool share_session = false) {
    TreeOptions options;
    options.share_session = share_session;
    options.root = processes.front().pid;
    Result<Tree> result = build_tree(processes, options);
    ASSERT_TRUE(result.ok()) << result.error().detail.c_str();
    tree_ = *result;
    check_sessions();
  }
  const TreeNode& node(int pid) {
    const auto found = std::find_if(tree_.nodes.begin(), tree_.nodes.end(), [&](const TreeNode& one) { return one.pid == pid; });
    if (found == tree_.nodes.end()) throw std::runtime_error("no node " + std::to_string(pid));
    return *found;
  }
  const TreeNode* creator(int pid) { return node(pid).creator < 0 ? nullptr : &tree_.nodes[static_cast<std::size_t>(node(pid).creator)]; }

  // Plays the forks: whoever is forked must come to be in its session.
  void check_sessions() {
    const auto play = [&](const auto& self, int index, int born_in) -> void {
      const TreeNode& one = tree_.nodes[static_cast<std::size_t>(index)];
      for (const int child : one.children)
        if (tree_.nodes[static_cast<std::size_t>(child)].before_session) self(self, child, born_in);
      const int session = one.session == one.pid ? one.pid : born_in;
      EXPECT_EQ(session, one.session) << "process " << one.pid;
      for (const int child : one.children)
        if (!tree_.nodes[static_cast<std::size_t>(child)].before_session) self(self, child, session);
    };
    for (const int index : tree_.top) play(play, index, 0);
  }
  Tree tree_;
};

TEST_F(TreeTest, AForeignParentIsStoodInForWithItsId) {
  build({process(100, 90, 90, 80, 0)});
  EXPECT_EQ(creator(100)->pid, 90);
  EXPECT_EQ(node(90).role, Role::parent);
  EXPECT_EQ(node(90).group, 90);
  EXPECT_EQ(node(80).role, Role::leader);
  EXPECT_EQ(creator(90)->pid, 80);
  EXPECT_EQ(node(100).group, 90);
}

TEST_F(TreeTest, WhoLedTheTerminalsSessionItselfLeadsItsGroupOnly) {
  TreeOptions options;
  options.share_session = true;
  options.terminal_session = 100;
  options.root = 100;
  Result<Tree> result = build_tree({process(100, 90, 100, 100, 0), process(101, 100, 101, 100, 1), process(102, 100, 102, 102, 2)}, options);
  ASSERT_TRUE(result.ok());
  tree_ = *result;
  check_sessions();
  EXPECT_EQ(node(100).session, 0);
  EXPECT_EQ(node(100).group, 100);
  EXPECT_EQ(node(101).session, 0);
  EXPECT_EQ(node(101).group, 101);
  EXPECT_EQ(node(102).session, 102);
}

TEST_F(TreeTest, WithATerminalTheLaunchersSessionAndGroupAreTheRestarters) {
  build({process(100, 90, 90, 80, 0), process(101, 100, 101, 80, 1)}, true);
  EXPECT_EQ(node(100).session, 0);
  EXPECT_EQ(node(100).group, 0);
  EXPECT_EQ(node(101).group, 101);
  EXPECT_FALSE(tree_.ids.contains(80));
}

TEST_F(TreeTest, WhatWasOutsideTheNamespaceIsOutsideAgain) {
  build({process(100, 0, 0, 0, 0), process(101, 100, 101, 0, 1)});
  EXPECT_EQ(node(100).session, 0);
  EXPECT_EQ(node(100).group, 0);
  EXPECT_EQ(node(101).group, 101);
  EXPECT_FALSE(tree_.first_leads_session);
  EXPECT_FALSE(tree_.first_leads_group);
}

TEST_F(TreeTest, WhatTheFirstProcessLedItLeadsAgain) {
  build({process(100, 1, 1, 1, 0)});
  EXPECT_TRUE(tree_.first_leads_session);
  EXPECT_FALSE(tree_.first_leads_group);
  build({process(100, 1, 1, 0, 0)});
  EXPECT_FALSE(tree_.first_leads_session);
  EXPECT_TRUE(tree_.first_leads_group);
}

TEST_F(TreeTest, AChildOlderThanItsParentsSessionIsForkedBeforeSetsid) {
  build({process(100, 1, 100, 100, 0), process(110, 100, 110, 110, 1), process(120, 110, 100, 100, 2)});
  EXPECT_TRUE(node(120).before_session);
  EXPECT_EQ(creator(120)->pid, 110);
}

TEST_F(TreeTest, AnOrphanOfASessionComesByAMidwife) {
  build({process(100, 1, 100, 100, 0), process(130, 1, 100, 100, 1)});
  const TreeNode* midwife = creator(130);
  ASSERT_NE(midwife, nullptr);
  EXPECT_EQ(midwife->role, Role::midwife);
  EXPECT_EQ(midwife->creator, creator(130)->creator);
  EXPECT_EQ(tree_.nodes[static_cast<std::size_t>(midwife->creator)].pid, 100);
}

TEST_F(TreeTest, ADaemonIsASessionOfItsOwn) {
  build({process(100, 90, 90, 80, 0), process(200, 1, 199, 199, 1)});
  EXPECT_EQ(node(199).role, Role::leader);
  EXPECT_EQ(node(199).session, 199);
  EXPECT_EQ(creator(200)->role, Role::midwife);
}

TEST_F(TreeTest, ADeadGroupLeaderIsStoodInForInItsSession) {
  build({process(100, 90, 100, 100, 0), process(112, 100, 111, 100, 1)});
  EXPECT_EQ(node(111).role, Role::leader);
  EXPECT_EQ(creator(111)->pid, 100);
  EXPECT_EQ(node(112).group, 111);
}

TEST_F(TreeTest, ZombiesAreChildrenOfWhoHasNotWaited) {
  std::vector<ProcessShape> all{process(100, 90, 100, 100, 0)};
  all.push_back({105, 100, 100, 100, true, 0x0300, -1});
  build(all);
  EXPECT_EQ(node(105).role, Role::zombie);
  EXPECT_EQ(creator(105)->pid, 100);
  EXPECT_EQ(node(105).status, 0x0300);
}

TEST_F(TreeTest, MidwivesGetIdsThatNobodyHas) {
  TreeOptions options;
  options.root = 3;
  options.taken = {2, 4, 5};
  const Result<Tree> tree = build_tree({process(3, 1, 3, 3, 0), process(6, 1, 3, 3, 1)}, options);
  ASSERT_TRUE(tree.ok());
  EXPECT_TRUE(tree->ids.contains(7));
}

TEST_F(TreeTest, WhatCannotBeRebuiltIsNamed) {
  TreeOptions options;
  options.root = 100;
  const Result<Tree> tree = build_tree({process(100, 1, 100, 100, 0), process(110, 100, 110, 110, 1), process(111, 100, 110, 110, 2)}, options);
  ASSERT_FALSE(tree.ok());
  EXPECT_NE(tree.error().detail.view().find("process 1"), std::string_view::npos);
  EXPECT_EQ(tree.error().code, ErrorCode::restore_failed);
}

}  // namespace
}  // namespace stasis::restart
