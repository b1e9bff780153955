// What srun's options say about the tasks' output, and the environment that srun gets.
#include "launch_proxy/srun_output.hpp"

#include <gtest/gtest.h>

#include <map>

#include "launch_proxy/srun_environment.hpp"

namespace stasis::launch_proxy {
namespace {

SrunOutput read(std::vector<std::string> words, const std::map<std::string, std::string>& variables = {}) {
  words.insert(words.begin(), "srun");
  return read_srun_output(words, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(SrunOutput, PlainLaunchesPassUs) {
  EXPECT_EQ(read({"hostname"}).bypass, "");
  EXPECT_FALSE(read({"hostname"}).labelled);
  EXPECT_EQ(read({"-n2", "-N", "2", "--mem=1G", "--mpi", "pmi2", "-K", "-v", "./a.out", "-o", "out", "--label", "--pty"}).bypass, "");
  EXPECT_FALSE(read({"-n2", "./a.out", "-l"}).labelled);
  EXPECT_EQ(read({"-o", "all", "-e", "all", "-i", "all", "a"}).bypass, "");
  EXPECT_EQ(read({"-i", "none", "a"}).bypass, "");
  EXPECT_EQ(read({"-i3", "a"}).bypass, "");
  EXPECT_EQ(read({}).bypass, "");
}

TEST(SrunOutput, NamesTheOptionThatGoesRoundUs) {
  EXPECT_EQ(read({"-o", "out", "a"}).bypass, "--output");
  EXPECT_EQ(read({"-oout", "a"}).bypass, "--output");
  EXPECT_EQ(read({"--output=none", "a"}).bypass, "--output");
  EXPECT_EQ(read({"--out", "out-%t", "a"}).bypass, "--output");
  EXPECT_EQ(read({"-n", "2", "-e", "err", "a"}).bypass, "--error");
  EXPECT_EQ(read({"--error=0", "a"}).bypass, "--error");
  EXPECT_EQ(read({"-i", "in", "a"}).bypass, "--input");
  EXPECT_EQ(read({"-Qlu", "a"}).bypass, "--unbuffered");
  EXPECT_EQ(read({"--pty", "bash"}).bypass, "--pty");
  EXPECT_TRUE(read({"--pty", "bash"}).own_terminal);
  EXPECT_TRUE(read({"-Ql", "a"}).labelled);
  EXPECT_TRUE(read({"--lab", "a"}).labelled);
}

TEST(SrunOutput, ReadsAllComponents) {
  EXPECT_EQ(read({"-n1", "a", "-o", "x", ":", "-n2", "--output", "out", "b"}).bypass, "--output");
  EXPECT_EQ(read({"-n1", "a", ":", "-n2", "b", ":", "-e", "err", "c"}).bypass, "--error");
  EXPECT_EQ(read({"-n1", "a", ":", "-n2", "b", "-o", "x"}).bypass, "");
}

TEST(SrunOutput, ReadsVariablesUnlessAnOptionOverridesThem) {
  EXPECT_EQ(read({"a"}, {{"SLURM_STDOUTMODE", "out"}}).bypass, "SLURM_STDOUTMODE");
  EXPECT_EQ(read({"-o", "all", "a"}, {{"SLURM_STDOUTMODE", "out"}}).bypass, "");
  EXPECT_EQ(read({"a"}, {{"SLURM_STDERRMODE", "out"}}).bypass, "SLURM_STDERRMODE");
  EXPECT_EQ(read({"a"}, {{"SLURM_STDINMODE", "in"}}).bypass, "SLURM_STDINMODE");
  EXPECT_EQ(read({"a"}, {{"SLURM_UNBUFFEREDIO", "1"}}).bypass, "SLURM_UNBUFFEREDIO");
  for (const char* on : {"", "1", "2", "yes", "YES"}) EXPECT_TRUE(read({"a"}, {{"SLURM_LABELIO", on}}).labelled) << on;
  for (const char* off : {"0", "no", "y", "true"}) EXPECT_FALSE(read({"a"}, {{"SLURM_LABELIO", off}}).labelled) << off;
  EXPECT_EQ(read({"a"}, {{"SLURM_UNBUFFEREDIO", "0"}}).bypass, "");
}

// A word behind an option that only another plugin knows may be its argument or the command: what follows is read as options all the same.
TEST(SrunOutput, DoubtsUnknownOptions) {
  EXPECT_EQ(read({"--container-image", "x.sqsh", "-o", "out", "a"}).bypass, "--output");
  EXPECT_EQ(read({"--container-image=x.sqsh", "a", "-o", "out"}).bypass, "");
  EXPECT_EQ(read({"--container-image"}).bypass, "");
}

std::vector<std::string> environment(std::vector<const char*> own, const Launch& launch, std::string_view allocation = {}) {
  own.push_back(nullptr);
  return srun_environment(own.data(), launch, allocation);
}
using Variables = std::vector<std::string>;

TEST(SrunEnvironment, LeavesTheComputation) {
  EXPECT_EQ(environment({"A=1", "LD_PRELOAD=/p/libstasis.so:x.so", "STASIS_COMPUTATION=c", "STASIS_RUN=r", "STASIS_STDIO=s", "STASIS_BATCH=slurm"},
                        {.id = "0badcafe"}),
            (Variables{"A=1", "LD_PRELOAD=x.so", "STASIS_LAUNCH=0badcafe"}));
  EXPECT_EQ(environment({"LD_PRELOAD=/p/libstasis.so"}, {.id = "0badcafe"}), (Variables{"STASIS_LAUNCH=0badcafe"}));
}

TEST(SrunEnvironment, SaysWhatTheLaunchIs) {
  EXPECT_EQ(environment({}, {.id = "0badcafe", .undrained = "--output", .store = "/s", .again = true}),
            (Variables{"STASIS_LAUNCH=0badcafe", "STASIS_LAUNCH_STORE=/s", "STASIS_LAUNCH_UNDRAINED=--output", "STASIS_LAUNCH_AGAIN=1"}));
  EXPECT_EQ(environment({"STASIS_LAUNCH=outside", "STASIS_LAUNCH_UNDRAINED=--pty", "STASIS_LAUNCH_AGAIN=1"}, {.id = "0badcafe"}),
            (Variables{"STASIS_LAUNCH=0badcafe"}));
}

TEST(SrunEnvironment, TakesTheNewAllocation) {
  constexpr char kAllocation[] = "SLURM_JOB_NODELIST=n2\0SLURM_NEW=a=b\0nonsense\0SLURM_LAST=1";
  const std::string_view allocation(kAllocation, sizeof kAllocation - 1);
  EXPECT_EQ(environment({"SLURM_JOB_NODELIST=n1", "HOME=/"}, {.id = "0badcafe"}, allocation),
            (Variables{"SLURM_JOB_NODELIST=n2", "HOME=/", "SLURM_NEW=a=b", "SLURM_LAST=1", "STASIS_LAUNCH=0badcafe"}));
}

}  // namespace
}  // namespace stasis::launch_proxy
