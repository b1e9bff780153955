// The restorer: carries out a plan in a process whose memory is being replaced.
//
// There is no libc, no thread-local storage, and no memory but the parking place, where this code, its stack and the plan lie. Code is
// placed anywhere (no relocations; tests/checks see to it) and holds no state. It knows nothing of processes and images: all thinking
// was done by restart_wrapper/plan.cpp.
// World: restorer.
#include <linux/mman.h>
#include <linux/prctl.h>

#include <cstddef>
#include <cstdint>

#include "core/base/errors.hpp"
#include "core/base/fixed_string.hpp"
#include "core/image/handoff.hpp"
#include "restart_wrapper/restorer/kernel.hpp"
#include "restart_wrapper/restorer/ops.hpp"

// The compiler may call these whatever the flags say (GCC manual, "Language Standards Supported by GCC").
extern "C" {
void* memcpy(void* target, const void* source, std::size_t count) {
  void* result = target;
  asm volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
  return result;
}
void* memset(void* target, int value, std::size_t count) {
  void* result = target;
  asm volatile("rep stosb" : "+D"(target), "+c"(count) : "a"(value) : "memory");
  return result;
}
std::size_t strlen(const char* text) {
  std::size_t count = 0;
  while (text[count] != '\0') ++count;
  return count;
}
}

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace stasis::restart {
namespace {

constexpr std::string_view name_of(OpKind kind) {
  switch (kind) {
    case OpKind::unmap: return "unmap";
    case OpKind::move: return "move";
    case OpKind::duplicate: return "share";
    case OpKind::map: return "map";
    case OpKind::map_file: return "map a file";
    case OpKind::read_runs: return "read";
    case OpKind::copy: return "copy";
    case OpKind::protect: return "protect";
    case OpKind::advise: return "advise";
    case OpKind::lock: return "lock memory";
    case OpKind::memory_map: return "set the memory map";
    case OpKind::control: return "prctl";
    case OpKind::limit: return "set a limit";
    case OpKind::close: return "close";
    case OpKind::jump: return "jump";
  }
  return "unknown operation";
}

struct Failure {
  ErrorCode code = ErrorCode::none;
  long result = 0;                // negative errno
  std::uint64_t place = 0;        // address or file offset
  std::string_view text;          // in place of the operation's name
};

[[noreturn]] void report(const PlanHeader& plan, const Op& op, const Failure& failure) {
  FixedString<sizeof(image::RestoreFailure::text)> text(failure.text.empty() ? name_of(op.kind) : failure.text);
  text.append(" at 0x").append_number(failure.place, 16);
  if (op.kind == OpKind::map_file) text.append(" ").append(plan.data + op.data);
  image::RestoreFailure record{};
  record.pid = plan.pid;
  record.sys_errno = static_cast<std::int32_t>(-failure.result);
  record.code = static_cast<std::uint32_t>(failure.code);
  record.length = static_cast<std::uint32_t>(text.size() < sizeof record.text ? text.size() : sizeof record.text);
  for (std::uint32_t i = 0; i != record.length; ++i) record.text[i] = text.c_str()[i];
  kernel::call(kernel::kWrite, plan.status_fd, reinterpret_cast<long>(&record), sizeof record);
  kernel::call(kernel::kExitGroup, 127);
  __builtin_trap();
}

Failure failed(const Op& op, long result) { return {ErrorCode::restore_failed, result, op.address, {}}; }

Failure map(const Op& op, std::int32_t fd) {
  const long result = kernel::call(kernel::kMmap, static_cast<long>(op.address), static_cast<long>(op.length), op.protection,
                                   op.flags | MAP_FIXED_NOREPLACE, fd, static_cast<long>(op.offset));
  if (result < 0) return failed(op, result);
  if (static_cast<std::uint64_t>(result) != op.address) return failed(op, -17 /* EEXIST: a kernel before 4.17 takes it as a hint */);
  return {};
}

Failure map_file(const PlanHeader& plan, const Op& op) {
  const long fd = kernel::call(kernel::kOpen, reinterpret_cast<long>(plan.data + op.data), op.flags2, 0);
  if (fd < 0) return failed(op, fd);
  const Failure failure = map(op, static_cast<std::int32_t>(fd));
  kernel::call(kernel::kClose, fd);
  return failure;
}

// Each run is checked right after it was read, while it is still in the cache.
Failure read_runs(const PlanHeader& plan, const Op& op) {
  for (std::uint32_t i = op.first; i != op.first + op.count; ++i) {
    const image::PageRun& run = plan.runs[i];
    for (std::uint64_t done = 0; done != run.length;) {
      const long got = kernel::call(kernel::kPread, op.fd, static_cast<long>(run.address + done), static_cast<long>(run.length - done),
                                    static_cast<long>(run.offset + done));
      if (got == -kernel::kEintr) continue;
      if (got < 0) return {ErrorCode::restore_failed, got, run.offset + done, "read the image"};
      if (got == 0) return {ErrorCode::image_truncated, 0, run.offset + done, "the image ends"};
      done += static_cast<std::uint64_t>(got);
    }
    if (XXH3_64bits(reinterpret_cast<const void*>(run.address), run.length) != run.digest)
      return {ErrorCode::image_damaged, 0, run.offset, "the digest of page data does not match"};
  }
  return {};
}

[[noreturn]] void jump(const Op& op) {
  kernel::call(kernel::kArchPrctl, kernel::kSetFs, static_cast<long>(op.length));
  asm volatile(
      "mov %0, %%rsp\n\t"
      "xor %%ebp, %%ebp\n\t"
      "cld\n\t"
      "jmp *%1"
      :
      : "a"(op.target), "d"(op.address)
      : "memory");
  __builtin_unreachable();
}

Failure carry_out(const PlanHeader& plan, const Op& op) {
  const auto address = static_cast<long>(op.address);
  const auto length = static_cast<long>(op.length);
  const auto target = static_cast<long>(op.target);
  const auto data = reinterpret_cast<long>(plan.data + op.data);
  long result = 0;
  switch (op.kind) {
    case OpKind::unmap: result = kernel::call(kernel::kMunmap, address, length); break;
    case OpKind::move:
    case OpKind::duplicate:
      result = kernel::call(kernel::kMremap, address, op.kind == OpKind::move ? length : 0, length, MREMAP_MAYMOVE | MREMAP_FIXED, target);
      if (result > 0) result = result == target ? 0 : -kernel::kEexist;
      break;
    case OpKind::map: return map(op, op.fd);
    case OpKind::map_file: return map_file(plan, op);
    case OpKind::read_runs: return read_runs(plan, op);
    case OpKind::copy: memcpy(reinterpret_cast<void*>(op.address), plan.data + op.data, op.length); break;
    case OpKind::protect: result = kernel::call(kernel::kMprotect, address, length, op.protection); break;
    case OpKind::advise: result = kernel::call(kernel::kMadvise, address, length, op.flags); break;
    case OpKind::lock: result = kernel::call(kernel::kMlock, address, length); break;
    case OpKind::memory_map: result = kernel::call(kernel::kPrctl, PR_SET_MM, PR_SET_MM_MAP, data, length, 0); break;
    case OpKind::control: result = kernel::call(kernel::kPrctl, op.flags, static_cast<long>(op.offset), 0, 0, 0); break;
    case OpKind::limit: result = kernel::call(kernel::kPrlimit, 0, op.flags, data, 0); break;
    case OpKind::close: result = kernel::call(kernel::kClose, op.fd); break;
    case OpKind::jump: jump(op);
  }
  return result < 0 ? failed(op, result) : Failure{};
}

}  // namespace

// Entered from entry.S on the parking place's stack.
extern "C" [[noreturn]] void restorer_main(const PlanHeader* plan) {
  for (std::uint32_t i = 0; i != plan->op_count; ++i) {
    const Op& op = plan->ops[i];
    const Failure failure = carry_out(*plan, op);
    if (failure.code != ErrorCode::none) report(*plan, op, failure);
  }
  kernel::call(kernel::kExitGroup, 127);
  __builtin_trap();
}

}  // namespace stasis::restart
