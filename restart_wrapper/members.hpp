// The member table of an attempt (core/registry/member_table.hpp), mapped for a moment: what a restart knows of the computation is put there before any of its processes exists.
//
// World: programs, the first process, when the coordinator has made the run directory.
#pragma once
#include <string>

#include "core/base/result.hpp"
#include "core/registry/member_table.hpp"

namespace stasis::restart {

class Members {
 public:
  // Errors: no_coordinator (it is not there), system.
  static Result<Members> map(const std::string& run_directory);
  Members() noexcept = default;
  Members(Members&& other) noexcept;
  Members& operator=(Members&&) = delete;
  ~Members();
  MemberTable table() const { return MemberTable(base_); }

 private:
  explicit Members(void* base) noexcept : base_(base) {}
  void* base_ = nullptr;
};

}  // namespace stasis::restart
