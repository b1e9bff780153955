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
#include "restart_wrapper/restorer/digest_avx2.hpp"
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

extern "C" long restorer_clone(long flags, void* stack_top, void (*run)(void*), void* argument);

namespace stasis::restart {
namespace {

constexpr std::string_view name_of(OpKind kind) {
  switch (kind) {
    case OpKind::unmap: return "unmap";
    case OpKind::move: return "move";
    case OpKind::duplicate: return "share";
    case OpKind::map: return "map";
    case OpKind::attach: return "attach";
    case OpKind::map_file: return "map a file";
    case OpKind::read_runs: return "read";
    case OpKind::copy: return "copy";
    case OpKind::protect: return "protect";
    case OpKind::advise: return "advise";
    case OpKind::lock: return "lock memory";
    case OpKind::seal: return "seal memory";
    case OpKind::memory_map: return "set the memory map";
    case OpKind::control: return "prctl";
    case OpKind::limit: return "set a limit";
    case OpKind::lock_file: return "lock a file";
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

// What readers of one operation share; in the parking place's stack, seen by all of them.
struct Reading {
  const PlanHeader* plan;
  const Op* op;
  std::uint32_t next = 0;    // run that nobody has taken
  std::uint32_t failed = 0;  // set by the first reader that fails, before it writes `failure`
  Failure failure;
};

// Each piece is hashed right after it was read, while it is still in the processor's own cache.
Failure read_run(const PlanHeader& plan, const Op& op, const image::PageRun& run) {
  constexpr std::uint64_t kPiece = 256u << 10;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (std::uint64_t done = 0; done != run.length;) {
    const std::uint64_t wanted = run.length - done < kPiece ? run.length - done : kPiece;
    const long got = kernel::call(kernel::kPread, op.fd, static_cast<long>(run.address + done), static_cast<long>(wanted), static_cast<long>(run.offset + done));
    if (got == -kernel::kEintr) continue;
    if (got < 0) return {ErrorCode::restore_failed, got, run.offset + done, "read the image"};
    if (got == 0) return {ErrorCode::image_truncated, 0, run.offset + done, "the image ends"};
    const void* bytes = reinterpret_cast<const void*>(run.address + done);
    if (plan.has_avx2 != 0) update_digest_avx2(&state, bytes, static_cast<std::size_t>(got));
    else XXH3_64bits_update(&state, bytes, static_cast<std::size_t>(got));
    done += static_cast<std::uint64_t>(got);
  }
  if (XXH3_64bits_digest(&state) != run.digest) return {ErrorCode::image_damaged, 0, run.offset, "the digest of page data does not match"};
  return {};
}

// Takes runs until there are none. Run by the process itself and by its helpers.
void read_some(void* argument) {
  auto& reading = *static_cast<Reading*>(argument);
  const Op& op = *reading.op;
  for (;;) {
    const std::uint32_t index = __atomic_fetch_add(&reading.next, 1, __ATOMIC_RELAXED);
    if (index >= op.count || __atomic_load_n(&reading.failed, __ATOMIC_RELAXED) != 0) return;
    const Failure failure = read_run(*reading.plan, op, reading.plan->runs[op.first + index]);
    if (failure.code == ErrorCode::none) continue;
    if (__atomic_exchange_n(&reading.failed, 1, __ATOMIC_ACQ_REL) == 0) reading.failure = failure;
    return;
  }
}

// Helpers are processes, not threads, so that after waiting for them nothing of them is left in /proc/self/task.
Failure read_runs(const PlanHeader& plan, const Op& op) {
  Reading reading{&plan, &op, 0, 0, {}};
  const std::uint32_t helpers = op.length >= kWorthHelping ? plan.helpers : 0;
  long children[kMostHelpers] = {};
  for (std::uint32_t i = 0; i != helpers; ++i) {
    void* stack = reinterpret_cast<void*>(plan.helper_stacks + (i + 1) * kHelperStack);
    children[i] = restorer_clone(kernel::kCloneVm | kernel::kCloneFs | kernel::kCloneFiles, stack, read_some, &reading);
  }
  read_some(&reading);
  for (std::uint32_t i = 0; i != helpers; ++i) {
    int status = 0;
    while (children[i] > 0 && kernel::call(kernel::kWait4, children[i], reinterpret_cast<long>(&status), kernel::kWaitAll, 0) == -kernel::kEintr) {
    }
    if (children[i] > 0 && status != 0 && reading.failed == 0) return {ErrorCode::restore_failed, 0, op.address, "a helper ended early"};
  }
  return reading.failure;
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
    case OpKind::attach:
      result = kernel::call(kernel::kShmat, op.fd, address, op.flags);
      if (result > 0) result = 0;
      break;
    case OpKind::map_file: return map_file(plan, op);
    case OpKind::read_runs: return read_runs(plan, op);
    case OpKind::copy: memcpy(reinterpret_cast<void*>(op.address), plan.data + op.data, op.length); break;
    case OpKind::protect: result = kernel::call(kernel::kMprotect, address, length, op.protection); break;
    case OpKind::advise: result = kernel::call(kernel::kMadvise, address, length, op.flags); break;
    case OpKind::lock: result = kernel::call(kernel::kMlock2, address, length, op.flags); break;
    case OpKind::seal: result = kernel::call(kernel::kMseal, address, length, 0); break;
    case OpKind::memory_map: result = kernel::call(kernel::kPrctl, PR_SET_MM, PR_SET_MM_MAP, data, length, 0); break;
    case OpKind::control: result = kernel::call(kernel::kPrctl, op.flags, static_cast<long>(op.offset), 0, 0, 0); break;
    case OpKind::limit: result = kernel::call(kernel::kPrlimit, 0, op.flags, data, 0); break;
    case OpKind::lock_file: result = kernel::call(kernel::kFcntl, op.fd, kernel::kSetLock, data); break;
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
