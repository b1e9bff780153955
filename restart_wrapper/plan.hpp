// From an image to a plan: everything that has to happen to the address space of one process, in order.
//
// Computing a plan touches nothing, so that it can be printed (--dry-run) and tested. What it needs to know of the world comes in
// PlanInput: descriptors that will be open, where inherited shared memory lies, the live vdso.
// World: programs.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/image/handoff.hpp"
#include "core/image/reader.hpp"
#include "restart_wrapper/address_space.hpp"
#include "restart_wrapper/restorer/ops.hpp"

namespace stasis::restart {

// Where a shared memory object can be had while the plan is carried out.
struct SharedSource {
  std::uint64_t address = 0;  // of an inherited shared mapping of the whole object; 0: use fd
  int fd = -1;                // with an address too: for mappings that may never be written to
  int segment = -1;           // number of a System V segment: it is attached
};

struct PlanInput {
  const image::Image* image = nullptr;
  LiveVdso vdso;
  Range parking;          // the restorer's: kept
  Range shared;           // holds the inherited shared mappings: kept until they have been duplicated
  Range vdso_refuge;      // free in the program, as large as the live vdso: used when that has to make way
  std::map<std::uint64_t, SharedSource> shared_memory;  // by id
  int image_fd = -1;
  int executable_fd = -1;  // -1: the old executable is gone, /proc/self/exe stays what it is
  int status_fd = -1;
  image::Handoff handoff;
};

struct Plan {
  std::vector<Op> ops;
  std::vector<image::PageRun> runs;
  std::string data;
  std::uint32_t memory_map_at = 0;  // offset of the struct prctl_mm_map in data
  std::uint32_t auxiliary_at = 0;   // offset of the auxiliary vector in data
  std::uint64_t bytes_read = 0;
  bool moves_vdso = false;          // false: old entry points are redirected
};

// Errors: restore_failed when the image and this machine do not fit, naming what.
Result<Plan> build_plan(const PlanInput& input);

// Bytes that a plan for `image` can take at most, for choosing the parking place before plans are made.
std::uint64_t largest_plan_size(const image::Image& image, const LiveVdso& vdso);

}  // namespace stasis::restart
