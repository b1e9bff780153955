// The system call instruction, for worlds that must not go through libc: no errno, no cancellation, no interposition.
//
// Returns what the kernel returns: a negative errno on failure. Callers say what the arguments are; nothing is checked here.
// World: all (x86-64).
#pragma once
#include <cstdint>
#include <type_traits>

namespace stasis::sys {

inline long raw(long number, long a, long b, long c, long d, long e, long f) noexcept {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

template <class T>
long as_argument(T value) noexcept {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}

// call(SYS_openat, AT_FDCWD, path, flags): arguments that are not given are 0.
template <class... Arguments>
long call(long number, Arguments... arguments) noexcept {
  static_assert(sizeof...(arguments) <= 6);
  long values[6] = {};
  [[maybe_unused]] int next = 0;
  ((values[next++] = as_argument(arguments)), ...);
  return raw(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

// Whether a raw result is an error (the kernel keeps the last page of the address space for negative errnos).
inline bool failed(long result) noexcept { return result < 0 && result > -4096; }

}  // namespace stasis::sys
