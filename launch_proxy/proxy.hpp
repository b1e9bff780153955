// The launch proxy: what a checkpointed batch job's shell waits for in place of srun.
//
// It is a member of the computation and is imaged like any other; the real srun, which cannot be (its peers are daemons and other nodes), is its child
// and runs outside of the computation. After a restart the proxy is back, the child is not: that waitpid(2) knows of none can mean nothing else.
// Then what the old srun had left in the pipes is passed on, and srun is started again.
// The proxy shows its own end and status as srun's.
// World: programs, one thread. After a restart nobody calls: that the pipes come to their end, or waitpid(2) itself, is how it is noticed.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "launch_proxy/input_relay.hpp"
#include "launch_proxy/output_relay.hpp"
#include "launch_proxy/signals.hpp"
#include "launch_proxy/srun_environment.hpp"
#include "launch_proxy/srun_output.hpp"

namespace stasis::launch_proxy {

class Proxy {
 public:
  // `path` is the real srun, `arguments` its argv.
  Proxy(std::string path, std::vector<std::string> arguments);
  // Until srun has ended. The status as of waitpid(2). Errors: exec_missing, exec_failed, system.
  Result<int> run();
  const InheritedSignals& inherited_signals() const { return inherited_; }

 private:
  enum class Child { runs, ended, gone };
  enum class Round {
    relayed,
    look,          // something has happened that the child's end may have caused
    input_unread,  // likewise: nobody reads srun's input
    nothing_left,  // to be waited for but the child itself
  };

  Status start();
  Status connect_streams(int (&streams)[3]);
  Round relay();
  Child look_at_child(int options);
  void run_down(bool for_good);

  std::string path_;
  std::vector<std::string> arguments_;
  InheritedSignals inherited_;
  SrunOutput output_;
  Launch launch_;
  std::unique_ptr<OutputRelay> relays_[2];  // of srun's stdout and stderr; null where srun has our own descriptor
  std::unique_ptr<InputRelay> input_;       // null if srun has our own stdin
  pid_t child_ = 0;
  int status_ = 0;
};

}  // namespace stasis::launch_proxy
