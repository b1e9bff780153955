// A limit of the program (setrlimit(2)) that is not meant for us: lifted as far as an ordinary user may, the hard limit, for as long as the object lives.
//
// The limit is the process's: threads of the program would see it if they ran.
// World: hijack, leader.
#pragma once
#include <sys/resource.h>
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {

class LiftedLimit {
 public:
  explicit LiftedLimit(int resource) noexcept : resource_(resource) {
    if (sys::call(SYS_prlimit64, 0, resource, nullptr, &before_) < 0 || before_.rlim_cur == before_.rlim_max) return;
    const rlimit lifted{before_.rlim_max, before_.rlim_max};
    is_lifted_ = sys::call(SYS_prlimit64, 0, resource, &lifted, nullptr) == 0;
  }
  LiftedLimit(const LiftedLimit&) = delete;
  ~LiftedLimit() {
    if (is_lifted_) sys::call(SYS_prlimit64, 0, resource_, &before_, nullptr);
  }
  // As the program has it.
  const rlimit& before() const noexcept { return before_; }

 private:
  int resource_;
  rlimit before_ = {};
  bool is_lifted_ = false;
};

}  // namespace stasis::hijack
