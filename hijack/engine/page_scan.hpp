// Which pages of a mapping exist: PAGEMAP_SCAN (Linux 6.7), or /proc/thread-self/pagemap before it.
//
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/engine/memory_map.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

class PageScan {
 public:
  Status open(Arena& arena) noexcept;
  // The next stretch of pages within [from, end) that hold data of the process's own: present or swapped out, not the kernel's page of
  // zeros, not a guard. With `own_only`, pages of the mapped file that were never written do not count. Empty (start == end) if there is none.
  Result<AddressRange> next(std::uint64_t from, std::uint64_t end, bool own_only) noexcept;
  // The next stretch of guard pages (MADV_GUARD_INSTALL) likewise.
  Result<AddressRange> next_guards(std::uint64_t from, std::uint64_t end) noexcept;

 private:
  Result<AddressRange> next_of_pagemap(std::uint64_t from, std::uint64_t end, bool own_only) noexcept;
  Status refill(std::uint64_t from, std::uint64_t end, bool own_only) noexcept;

  struct Region {  // struct page_region of linux/fs.h
    std::uint64_t start, end, categories;
  };
  static constexpr std::uint32_t kRegions = 512;
  OwnedFd file_;
  bool has_scan_ = true;
  bool has_guards_ = true;       // the category PAGE_IS_GUARD (Linux 6.15)
  Region* regions_ = nullptr;    // what the last call returned
  std::uint32_t count_ = 0, next_ = 0;
  std::uint64_t known_until_ = 0, known_from_ = 1;
  bool known_own_only_ = false;
  static constexpr std::uint32_t kEntries = 2048;
  std::uint64_t* entries_ = nullptr;
};

}  // namespace stasis::hijack
