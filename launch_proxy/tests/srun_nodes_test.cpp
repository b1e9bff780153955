// An srun command line in another allocation.
#include "launch_proxy/srun_nodes.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace stasis::launch_proxy {
namespace {

using Words = std::vector<std::string>;

// Lists without brackets.
Words expand(const std::string& list) {
  Words names;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  return names;
}

Words moved(const Words& arguments) { return on_new_nodes(arguments, "a1,a2,a3", "b7,c1,b9", expand); }

TEST(SrunNodes, TheNthNodeBecomesTheNth) {
  EXPECT_EQ(moved({"srun", "--nodelist", "a1,a3", "-N", "2", "-n", "2", "--input", "none", "proxy", "--port", "a1:99"}),
            (Words{"srun", "--nodelist", "b7,b9", "-N", "2", "-n", "2", "--input", "none", "proxy", "--port", "a1:99"}));
  EXPECT_EQ(moved({"srun", "--nodelist=a2", "x"}), (Words{"srun", "--nodelist=c1", "x"}));
  EXPECT_EQ(moved({"srun", "-wa3,a2", "-x", "a1", "x", "-w", "a1"}), (Words{"srun", "-wb9,c1", "-x", "b7", "x", "-w", "a1"}));
  EXPECT_EQ(moved({"srun", "-wa1", "x", ":", "-w", "a2", "y"}), (Words{"srun", "-wb7", "x", ":", "-w", "c1", "y"}));
}

TEST(SrunNodes, WhatIsOfNoAllocationStays) {
  EXPECT_EQ(moved({"srun", "-n2", "x"}), (Words{"srun", "-n2", "x"}));
  EXPECT_EQ(moved({"srun", "-x", "z1,a1", "x"}), (Words{"srun", "-x", "z1,b7", "x"}));
  EXPECT_EQ(on_new_nodes({"srun", "-w", "a1,a2", "x"}, "a1,a2", "b1", expand), (Words{"srun", "-w", "b1,a2", "x"})) << "srun says that it has no such node";
  EXPECT_EQ(on_new_nodes({"srun", "-w", "a1", "x"}, "", "b1", expand), (Words{"srun", "-w", "a1", "x"}));
}

TEST(SrunNodes, AFileOfNamesBecomesAList) {
  char path[] = "/tmp/stasis-nodes-XXXXXX";
  ASSERT_GE(::mkstemp(path), 0);
  std::ofstream(path) << "a2\na1\n";
  EXPECT_EQ(moved({"srun", "-w", path, "x"}), (Words{"srun", "-w", "c1,b7", "x"}));
  ::unlink(path);
}

}  // namespace
}  // namespace stasis::launch_proxy
