// Result<T>: a value or an Error; Status: success or an Error.
//
// An Error is created where the system call failed and is passed up unchanged, at most with words added (`with`); it is
// reported once, at the top. Ownership: everything is held by value; nothing allocates.
// World: all. T must be default-constructible and trivially destructible in the worlds without a C++ runtime.
#pragma once
#include <cstdint>
#include <utility>

#include "core/base/errors.hpp"
#include "core/base/fixed_string.hpp"

namespace stasis {

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::none;
  std::int32_t sys_errno = 0;     // positive errno of the failed call, 0 if none
  FixedString<320> detail;        // what and where: a path, a pid, a call

  Error with(std::string_view words) const noexcept {
    Error wider{code, sys_errno, FixedString<320>(words)};
    if (!detail.empty()) wider.detail.append(": ").append(detail);
    return wider;
  }
};

inline Error error(ErrorCode code, std::string_view detail = {}) noexcept { return {code, 0, FixedString<320>(detail)}; }

// A failed system call: `call` names it and its object, `result` is the negative errno that the raw call returned.
inline Error system_error(std::string_view call, long result) noexcept {
  return {ErrorCode::system, static_cast<std::int32_t>(-result), FixedString<320>(call)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : value_(std::move(value)) {}
  Result(Error failure) noexcept : error_(failure) {}
  bool ok() const noexcept { return error_.code == ErrorCode::none; }
  explicit operator bool() const noexcept { return ok(); }
  T& value() noexcept { return value_; }
  const T& value() const noexcept { return value_; }
  T& operator*() noexcept { return value_; }
  const T& operator*() const noexcept { return value_; }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }
  const Error& error() const noexcept { return error_; }

 private:
  T value_{};
  Error error_{};
};

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(Error failure) noexcept : error_(failure) {}
  bool ok() const noexcept { return error_.code == ErrorCode::none; }
  explicit operator bool() const noexcept { return ok(); }
  const Error& error() const noexcept { return error_; }

 private:
  Error error_{};
};

// Passes an error up: STASIS_TRY(call()); STASIS_TRY_VALUE(auto fd, open_image(path));
#define STASIS_TRY(expression)                                        \
  do {                                                                \
    if (auto stasis_status_ = (expression); !stasis_status_.ok()) return stasis_status_.error(); \
  } while (0)
#define STASIS_JOIN_(a, b) a##b
#define STASIS_JOIN(a, b) STASIS_JOIN_(a, b)
#define STASIS_TRY_VALUE(declaration, expression)                     \
  auto STASIS_JOIN(stasis_result_, __LINE__) = (expression);          \
  if (!STASIS_JOIN(stasis_result_, __LINE__).ok()) return STASIS_JOIN(stasis_result_, __LINE__).error(); \
  declaration = std::move(*STASIS_JOIN(stasis_result_, __LINE__))

}  // namespace stasis
