// The launch proxy after a restart (tests/lost_child.c), and what it tells the coordinator.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>

#include "core/codec/codec.hpp"
#include "core/environment.hpp"
#include "core/proto/drain_marker.hpp"
#include "core/proto/frame.hpp"
#include "core/proto/messages.hpp"
#include "launch_proxy/tests/proxy_run.hpp"

namespace stasis::launch_proxy {
namespace {

class ProxyRestart : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stasis-proxy-test.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::function<void()> environment() const {
    return [this] {
      ::setenv("LD_PRELOAD", STASIS_TEST_LOST_CHILD, 1);
      ::setenv("TEST_LOST_CHILD", (directory_ + "/lost").c_str(), 1);
      ::setenv("WORK", directory_.c_str(), 1);
      ::setenv("STASIS_RUN", directory_.c_str(), 1);
    };
  }
  std::string content(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string directory_;
};

constexpr const char* kOnceLost = "if [ -z \"$STASIS_LAUNCH_AGAIN\" ]; then touch $WORK/lost; exit 9; fi; ";

TEST_F(ProxyRestart, StartsSrunAgainAsTheSameLaunch) {
  const Seen seen =
      run(std::string("echo \"$STASIS_LAUNCH.$STASIS_LAUNCH_AGAIN.$SLURM_JOB_NODELIST\"; printf 'SLURM_JOB_NODELIST=n2\\000' >$WORK/environment; ") +
              kOnceLost + "exit 5",
          {.in_child = environment()});
  std::smatch found;
  ASSERT_TRUE(std::regex_match(seen.out, found, std::regex("([0-9a-f]{8})\\.\\.\n([0-9a-f]{8})\\.1\\.n2\n"))) << seen.out;
  EXPECT_EQ(found[1], found[2]);
  EXPECT_EQ(seen.status, 5 << 8);
}

TEST_F(ProxyRestart, LosesNothingOfWhatIsInThePipes) {
  const Seen seen = run(std::string("seq 1 9000; seq 1 9000 >&2; ") + kOnceLost, {.in_child = environment()});
  std::string once;
  for (int i = 1; i <= 9000; ++i) once += std::to_string(i) + "\n";
  EXPECT_EQ(seen.status, 0);
  EXPECT_TRUE(seen.out == once + once);
  EXPECT_TRUE(seen.err == once + once);
}

TEST_F(ProxyRestart, GoesOnWithItsInput) {
  TestPipe in, out;
  Running running(std::string("echo begins; read line; echo \"<$line>\"; ") + kOnceLost + "cat",
                  {.streams = {in.reading(), out.writing(), -1}, .in_child = environment()});
  out.close_writing(), in.close_reading();
  for (const std::string line : {"a", "b"}) {  // what is given to an srun that ends is its own, so the second waits for the second
    EXPECT_EQ(read_line(out.reading()), "begins\n");
    ASSERT_EQ(::write(in.writing(), (line + "\n").data(), 2), 2);
    EXPECT_EQ(read_line(out.reading()), "<" + line + ">\n");
  }
  in.close_writing();
  EXPECT_EQ(read_to_end(out.reading()), "");
  EXPECT_EQ(running.wait(), 0);
}

// Nothing to relay: then waitpid(2) itself is where the proxy waits.
TEST_F(ProxyRestart, NoticesItWithoutPipes) {
  const auto variables = environment();
  Running running(std::string("echo $STASIS_LAUNCH_AGAIN >>$WORK/out; ") + kOnceLost, {.in_child = [&] {
                    variables();
                    ::close(1), ::close(2);
                  }});
  EXPECT_EQ(running.wait(), 0);
  EXPECT_EQ(content("out"), "\n1\n");
}

// A line that a task had begun gets its label once, over two sruns.
TEST_F(ProxyRestart, KeepsBegunLines) {
  const Seen seen = run(std::string("[ -n \"$STASIS_LAUNCH_AGAIN\" ] || printf '0: begun \\002stasis-drain %s 0123456789abcdef 0\\003\\n' $STASIS_LAUNCH; ") +
                            kOnceLost + "printf '1: x\\n0: ended\\n'",
                        {.options = {"-l"}, .in_child = environment()});
  EXPECT_EQ(seen.out, "1: x\n0: begun ended\n");
}

// The coordinator, as far as the proxy knows it.
TEST_F(ProxyRestart, TellsTheCoordinatorWhenAllBeforeAMarkerIsWritten) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory_.c_str(), run_directory::kSocket);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  TestPipe out, err;  // more than the last pipe holds, less than the pipes on the way
  Running running("head -c 100000 /dev/zero; printf '\\002stasis-drain %s 0123456789abcdef 17\\003\\n' $STASIS_LAUNCH | tee /dev/stderr; echo $STASIS_LAUNCH",
                  {.streams = {-1, out.writing(), err.writing()}, .in_child = environment()});
  out.close_writing(), err.close_writing();
  const auto next = [&](std::string& payload) {
    proto::FrameHeader header;
    EXPECT_TRUE(readable(listener));
    const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const std::string bytes = read_to_end(peer);
    ::close(peer);
    std::memcpy(&header, bytes.data(), std::min(sizeof header, bytes.size()));
    EXPECT_TRUE(proto::is_valid(header));
    EXPECT_EQ(header.type, static_cast<std::uint16_t>(proto::MessageType::request));
    payload = bytes.substr(std::min(sizeof header, bytes.size()));
    proto::Request request;
    Reader reader(payload);
    reader.record(request);
    return request;
  };
  std::string first, second;
  const proto::Request of_stderr = next(first);  // nothing is before it there, while stdout waits for its reader
  EXPECT_FALSE(readable(listener, 100)) << "told before what precedes it was written";
  const std::string text = read_to_end(out.reading());
  const proto::Request of_stdout = next(second);
  ASSERT_EQ(text.size(), 100'000u + 9u);
  EXPECT_EQ(read_to_end(err.reading()), "");
  for (const auto& [request, stream] : {std::pair(of_stderr, 2), std::pair(of_stdout, 1)}) {
    EXPECT_EQ(request.verb, proto::Verb::drained);
    EXPECT_EQ(std::string(request.launch) + "\n", text.substr(100'000));
    EXPECT_EQ(request.nonce, "0123456789abcdef");
    EXPECT_EQ(request.task, 17u);
    EXPECT_EQ(request.stream, stream);
  }
  EXPECT_EQ(running.wait(), 0);
  ::close(listener);
}

}  // namespace
}  // namespace stasis::launch_proxy
