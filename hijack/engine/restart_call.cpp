// Rewinding interrupted system calls, see restart_call.hpp.
// World: hijack, signal handler.
#include "hijack/engine/restart_call.hpp"

#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hijack/engine/rest_of_call.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

extern "C" const char stasis_raw_call_made[];  // hijack/virt/raw_call.S

namespace stasis::hijack {
namespace {

// How the timeout of a call is given.
enum class Timeout : std::uint8_t {
  none,          // none, absolute, or brought up to date by the kernel in the caller's structure (select(2), ppoll)
  milliseconds,  // in the register
  structure,     // struct timespec at the register, left as it was
  sleep,         // likewise, and `remaining` points to where the kernel wrote what is left, if it is not null
  futex,         // structure, if the operation is FUTEX_WAIT; other operations take absolute times (futex(2))
};

struct Restartable {
  std::int64_t number;
  Timeout timeout;
  int argument;    // register of the timeout
  int remaining;
};

constexpr Restartable kCalls[] = {
    {SYS_poll, Timeout::milliseconds, REG_RDX, 0},
    {SYS_epoll_wait, Timeout::milliseconds, REG_R10, 0},
    {SYS_epoll_pwait, Timeout::milliseconds, REG_R10, 0},
    {SYS_epoll_pwait2, Timeout::structure, REG_R10, 0},
    {SYS_nanosleep, Timeout::sleep, REG_RDI, REG_RSI},
    {SYS_clock_nanosleep, Timeout::sleep, REG_RDX, REG_R10},
    {SYS_futex, Timeout::futex, REG_R10, 0},
    {SYS_rt_sigtimedwait, Timeout::structure, REG_RDX, 0},
    {SYS_semtimedop, Timeout::structure, REG_R10, 0},
    {SYS_io_getevents, Timeout::structure, REG_R8, 0},
    {SYS_io_pgetevents, Timeout::structure, REG_R8, 0},
    {SYS_io_uring_enter, Timeout::none, 0, 0},  // a time to wait begins anew
    {SYS_ppoll, Timeout::none, 0, 0},
    {SYS_select, Timeout::none, 0, 0},
    {SYS_pselect6, Timeout::none, 0, 0},
    {SYS_pause, Timeout::none, 0, 0},
    {SYS_rt_sigsuspend, Timeout::none, 0, 0},
    {SYS_msgrcv, Timeout::none, 0, 0},
    {SYS_msgsnd, Timeout::none, 0, 0},
    {SYS_semop, Timeout::none, 0, 0},
    // Sockets with SO_RCVTIMEO or SO_SNDTIMEO.
    {SYS_read, Timeout::none, 0, 0},
    {SYS_readv, Timeout::none, 0, 0},
    {SYS_recvfrom, Timeout::none, 0, 0},
    {SYS_recvmsg, Timeout::none, 0, 0},
    {SYS_recvmmsg, Timeout::none, 0, 0},  // its own limit counts only when something comes
    {SYS_accept, Timeout::none, 0, 0},
    {SYS_accept4, Timeout::none, 0, 0},
    {SYS_connect, Timeout::none, 0, 0},  // waits for what has begun
    {SYS_write, Timeout::none, 0, 0},
    {SYS_writev, Timeout::none, 0, 0},
    {SYS_pwritev2, Timeout::none, 0, 0},
    {SYS_sendto, Timeout::none, 0, 0},
    {SYS_sendmsg, Timeout::none, 0, 0},
    {SYS_sendmmsg, Timeout::none, 0, 0},
    {SYS_sendfile, Timeout::none, 0, 0},
    {SYS_splice, Timeout::none, 0, 0},
    // May return when a part is done.
    {SYS_getrandom, Timeout::none, 0, 0},
};

const Restartable* find(std::int64_t number) noexcept {
  for (const Restartable& call : kCalls)
    if (call.number == number) return &call;
  return nullptr;
}

bool after_syscall_instruction(const greg_t* registers) noexcept {
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  return code[-2] == 0x0f && code[-1] == 0x05;
}

// The number, if "mov %REGISTER, %eax" is right before the instruction: liburing has it in a register for a loop. Calls leave that as it was; -1 if it is not so.
std::int64_t number_in_register(const greg_t* registers, const unsigned char* code) noexcept {
  constexpr int kOld[8] = {-1, -1, REG_RDX, REG_RBX, -1, REG_RBP, REG_RSI, REG_RDI};
  constexpr int kNew[8] = {REG_R8, REG_R9, REG_R10, -1, REG_R12, REG_R13, REG_R14, REG_R15};
  if (code[-2] != 0x89 || (code[-1] & 0xc7) != 0xc0) return -1;  // 89 /r with EAX as its target
  const int which = (code[-3] == 0x44 ? kNew : kOld)[code[-1] >> 3 & 7];
  return which < 0 ? -1 : static_cast<std::int32_t>(registers[which]);
}

// The number from the "mov $number, %eax" (b8 imm32) before the instruction, or "xor %eax, %eax" right before it; the C library's own calls all look like that, and so do ours but for those by number.
std::int64_t decode_number(const greg_t* registers) noexcept {
  if (registers[REG_RIP] == reinterpret_cast<greg_t>(&stasis_raw_call_made[0])) return reinterpret_cast<const std::int64_t*>(registers[REG_RSP])[-1];
  const bool has_failed = registers[REG_RAX] < 0;
  // The longest preparation of a call in glibc 2.31 to 2.41 is shorter. What has succeeded was prepared by the nearest.
  const int reach = has_failed ? 48 : 20;
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]) - 2;
  if (code[-2] == 0x31 && code[-1] == 0xc0) return SYS_read;
  if (const std::int64_t number = number_in_register(registers, code); find(number) != nullptr) return number;
  for (int back = 5; back <= reach; ++back) {
    const unsigned char* at = code - back;
    if (at[0] != 0xb8 || at[-1] == 0x41 || at[3] != 0 || at[4] != 0) continue;  // 41 b8: the register is R8
    const std::int64_t number = at[1] | at[2] << 8;
    if (find(number) != nullptr || !has_failed) return number;
  }
  return -1;
}

timespec shortened(const timespec& wanted, std::uint64_t slept_ns) noexcept {
  const auto total = static_cast<std::uint64_t>(wanted.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(wanted.tv_nsec);
  const std::uint64_t left = total > slept_ns ? total - slept_ns : 0;
  return {static_cast<time_t>(left / 1'000'000'000u), static_cast<long>(left % 1'000'000'000u)};
}

void shorten(greg_t* registers, const Restartable& call, std::uint64_t slept_ns, timespec* slot) noexcept {
  greg_t& argument = registers[call.argument];
  if (call.timeout == Timeout::milliseconds) {
    const auto wanted = static_cast<std::int32_t>(argument);
    const auto slept = static_cast<std::int64_t>(slept_ns / 1'000'000u);
    if (wanted > 0) argument = wanted > slept ? wanted - slept : 0;
    return;
  }
  if (argument == 0) return;
  if (call.timeout == Timeout::futex && (registers[REG_RSI] & FUTEX_CMD_MASK) != FUTEX_WAIT) return;
  if (call.timeout == Timeout::sleep) {
    if (call.number == SYS_clock_nanosleep && (registers[REG_RSI] & TIMER_ABSTIME) != 0) return;
    if (registers[call.remaining] != 0 && argument != reinterpret_cast<greg_t>(slot)) {  // the kernel has reckoned already
      *slot = *reinterpret_cast<const timespec*>(registers[call.remaining]);
      argument = reinterpret_cast<greg_t>(slot);
      return;
    }
  }
  *slot = shortened(*reinterpret_cast<const timespec*>(argument), slept_ns);
  argument = reinterpret_cast<greg_t>(slot);
}

constexpr std::uint64_t bit(unsigned processor) noexcept { return std::uint64_t{1} << processor % 64; }

std::uint64_t exec_start_ns(std::int32_t tid) noexcept {
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/sched");
  char buffer[1024];
  const std::string_view value = field_of(read_small(path.c_str(), buffer, sizeof buffer), "se.exec_start");
  Text text(value);
  text.skip(value.find(':') + 1);
  const std::uint64_t milliseconds = text.number();
  text.skip(1);
  return milliseconds * 1'000'000u + text.number();
}

// Field 39 of /proc/PID/task/TID/stat (proc(5)): where the thread ran last.
unsigned processor_of(std::int32_t tid) noexcept {
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/stat");
  char buffer[1024];
  const std::string_view file = read_small(path.c_str(), buffer, sizeof buffer);
  Text text(from(file, file.rfind(')') + 1));
  for (int field = 3; field != 39; ++field) text.word();
  return static_cast<unsigned>(text.number());
}

}  // namespace

SleepClock::~SleepClock() {
  if (binding_bytes_ > 0) sys::call(SYS_sched_setaffinity, 0, binding_bytes_, binding_);
}

bool SleepClock::visit(unsigned processor) noexcept {
  if (processor >= kProcessors || (refused_[processor / 64] & bit(processor)) != 0) return false;
  if ((known_[processor / 64] & bit(processor)) != 0) return true;
  if (binding_bytes_ == 0) binding_bytes_ = sys::call(SYS_sched_getaffinity, 0, sizeof binding_, binding_);
  std::uint64_t only[kProcessors / 64] = {};
  only[processor / 64] = bit(processor);
  const auto self = static_cast<std::int32_t>(sys::call(SYS_gettid));
  if (sys::call(SYS_sched_setaffinity, 0, sizeof only, only) < 0) {
    refused_[processor / 64] |= bit(processor);
    return false;
  }
  sys::call(SYS_sched_yield);  // brings our own exec_start up to date
  offset_[processor] = static_cast<std::int64_t>(exec_start_ns(self) - clock_ns(CLOCK_MONOTONIC));
  known_[processor / 64] |= bit(processor);
  return true;
}

std::uint64_t SleepClock::slept_ns(std::int32_t tid) noexcept {
  const std::uint64_t since = exec_start_ns(tid);
  const unsigned processor = processor_of(tid);
  if (since == 0 || !visit(processor)) return 0;
  const std::uint64_t now = clock_ns(CLOCK_MONOTONIC) + static_cast<std::uint64_t>(offset_[processor]);
  return since < now ? now - since : 0;
}

CallNote observe_call(std::int32_t tid, SleepClock* clock) noexcept {
  CallNote note;
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/syscall");
  char buffer[256];
  const std::string_view line = read_small(path.c_str(), buffer, sizeof buffer);
  if (line.empty() || line.front() < '0' || line.front() > '9') return note;
  Text text(line);
  note.number = static_cast<std::int64_t>(text.number());
  for (int argument = 0; argument != 6; ++argument) text.number(16);
  note.stack = text.number(16);
  note.instruction = text.number(16);
  const Restartable* call = find(note.number);
  // One that the kernel goes on with by itself, after SIGCONT, has another number, and it is not known how long it had slept before that.
  const bool is_timed = note.number == SYS_restart_syscall || (call != nullptr && call->timeout != Timeout::none);
  if (is_timed && clock != nullptr) note.slept_ns = clock->slept_ns(tid);
  return note;
}

namespace {

std::int64_t interrupted_number(const greg_t* registers, const CallNote& note) noexcept {
  if (interrupted_rest(registers) != nullptr) return number_in_rest(registers);
  const bool fits = note.number >= 0 && static_cast<std::uint64_t>(registers[REG_RIP]) == note.instruction &&
                    static_cast<std::uint64_t>(registers[REG_RSP]) == note.stack;
  return fits && note.number != SYS_restart_syscall ? note.number : decode_number(registers);
}

// Nothing is taken out, so the call is made once more as a whole.
bool only_looks(const greg_t* registers, std::int64_t number) noexcept {
  return (number == SYS_recvfrom && (registers[REG_R10] & MSG_PEEK) != 0) || (number == SYS_recvmsg && (registers[REG_RDX] & MSG_PEEK) != 0);
}

// io_uring_enter(2) that was interrupted returns 0, too, if some results are there, but not as many as it waits for. If they are it returns at once.
bool waits_for_results(const greg_t* registers, std::int64_t number) noexcept {
  constexpr greg_t kGetEvents = 1;  // IORING_ENTER_GETEVENTS
  return number == SYS_io_uring_enter && static_cast<std::uint32_t>(registers[REG_RSI]) == 0 && registers[REG_RDX] != 0 && (registers[REG_R10] & kGetEvents) != 0;
}

}  // namespace

namespace {

std::int64_t rewind(ucontext_t* context, const CallNote& note, timespec* slot) noexcept {
  greg_t* registers = context->uc_mcontext.gregs;
  const greg_t result = registers[REG_RAX];
  if ((result != -EINTR && result < 0) || !after_syscall_instruction(registers)) return -1;
  const std::int64_t number = interrupted_number(registers, note);
  if (result == 0 && !waits_for_results(registers, number)) return -1;
  const Restartable* call = find(number);
  if (call == nullptr) return -1;
  RestOfCall* rest = interrupted_rest(registers);
  if (result > 0 && rest == nullptr && !has_rest(registers, number)) return -1;
  if (call->timeout != Timeout::none) {
    shorten(registers, *call, note.slept_ns, slot);
    if (rest != nullptr && call->argument == REG_R8) rest->arguments[4] = registers[REG_R8];  // of io_getevents(2)
  }
  if (result > 0 && rest != nullptr) {
    note_interruption(*rest);
  } else if (result > 0 && !only_looks(registers, number)) {
    go_on_with_rest(registers, number);
  } else {
    registers[REG_RAX] = number;
    registers[REG_RIP] -= 2;
  }
  return number;
}

bool is_in(const Kept* kept, const void* place) noexcept { return kept != nullptr && place >= kept && place < kept + 1; }

// After a restart an absolute time may be in a slot of a checkpoint before, which does not stay for ever (hijack/virt/machine_clocks.hpp).
void keep_time(ucontext_t& context, timespec* slot) noexcept {
  const AwaitedTime awaited = awaited_time(context);
  if (awaited.place == nullptr || !is_in(saved.kept, slot)) return;
  const auto* const time = reinterpret_cast<const timespec*>(*awaited.place);
  if (!is_in(saved.kept, time) && !is_in(saved.kept_before, time)) return;
  *slot = *time;
  *awaited.place = reinterpret_cast<greg_t>(slot);
}

}  // namespace

std::int64_t rewind_call(ucontext_t* context, const CallNote& note, timespec* slot) noexcept {
  const std::int64_t number = rewind(context, note, slot);
  keep_time(*context, slot);
  return number;
}

void let_time_pass(ucontext_t* context, std::int64_t number, std::uint64_t stood_ns, timespec* slot) noexcept {
  const Restartable* call = find(number);
  if (call == nullptr || call->timeout == Timeout::none) return;
  greg_t* registers = context->uc_mcontext.gregs;
  // A structure of the program's own holds an absolute time.
  if (call->timeout != Timeout::milliseconds && registers[call->argument] != reinterpret_cast<greg_t>(slot)) return;
  shorten(registers, *call, stood_ns, slot);
}

namespace {

// The register that holds an id, if `registers` are those of a call that waits for one that is named; -1 if not.
int awaited_register(const greg_t* registers) noexcept {
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  if (registers[REG_RAX] != SYS_wait4 && registers[REG_RAX] != SYS_waitid) return -1;
  if (code[0] != 0x0f || code[1] != 0x05) return -1;
  if (registers[REG_RAX] == SYS_wait4) return REG_RDI;
  return registers[REG_RDI] == P_PID || registers[REG_RDI] == P_PGID ? REG_RSI : -1;
}

}  // namespace

std::int32_t awaited_id(const ucontext_t& context) noexcept {
  const int which = awaited_register(context.uc_mcontext.gregs);
  const auto id = which < 0 ? 0 : static_cast<std::int32_t>(context.uc_mcontext.gregs[which]);
  return id == -1 ? 0 : id;
}

void await_id(ucontext_t& context, std::int32_t id) noexcept {
  if (const int which = awaited_register(context.uc_mcontext.gregs); which >= 0) context.uc_mcontext.gregs[which] = id;
}

SystemVObject object_of(const ucontext_t& context) noexcept {
  const greg_t* registers = context.uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  const bool on_semaphores = registers[REG_RAX] == SYS_semop || registers[REG_RAX] == SYS_semtimedop;
  if (!on_semaphores && registers[REG_RAX] != SYS_msgsnd && registers[REG_RAX] != SYS_msgrcv) return {};
  if (code[0] != 0x0f || code[1] != 0x05) return {};
  return {on_semaphores ? image::SystemVKind::semaphores : image::SystemVKind::messages, static_cast<std::int32_t>(registers[REG_RDI])};
}

void use_object(ucontext_t& context, std::int32_t number) noexcept { context.uc_mcontext.gregs[REG_RDI] = number; }

bool futex_waits_until(std::int64_t operation) noexcept {
  constexpr int kLockPi2 = 13;  // FUTEX_LOCK_PI2, Linux 5.14
  if ((operation & FUTEX_CLOCK_REALTIME) != 0) return false;
  const int command = static_cast<int>(operation) & FUTEX_CMD_MASK;
  return command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI || command == kLockPi2;
}

AwaitedTime awaited_time(ucontext_t& context) noexcept {
  constexpr greg_t kFutexWaitv = 449;  // SYS_futex_waitv, Linux 5.16
  greg_t* registers = context.uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  const greg_t number = registers[REG_RAX];
  if (number != SYS_futex && number != SYS_clock_nanosleep && number != kFutexWaitv) return {};
  if (code[0] != 0x0f || code[1] != 0x05) return {};
  if (number == SYS_clock_nanosleep)
    return (registers[REG_RSI] & TIMER_ABSTIME) != 0 ? AwaitedTime{&registers[REG_RDX], static_cast<clockid_t>(registers[REG_RDI])} : AwaitedTime{};
  if (registers[REG_R10] == 0) return {};
  if (number == kFutexWaitv) return {&registers[REG_R10], static_cast<clockid_t>(registers[REG_R8])};
  return futex_waits_until(registers[REG_RSI]) ? AwaitedTime{&registers[REG_R10], CLOCK_MONOTONIC} : AwaitedTime{};
}

namespace {

bool gives_id(std::uint32_t number) noexcept {
  switch (number) {
    case SYS_fork: case SYS_vfork: case SYS_clone: case SYS_clone3: case SYS_wait4:
    case SYS_getpid: case SYS_gettid: case SYS_getppid: case SYS_getpgid: case SYS_getpgrp: case SYS_getsid: case SYS_setsid: return true;
    default: return false;
  }
}

// Where a call that has just returned has put an id: the register or what it has filled in; none if it has given none. The C library has the number right before the call, and so have we.
struct Given {
  greg_t* result = nullptr;
  siginfo_t* info = nullptr;
};
Given given_by(greg_t* registers) noexcept {
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]) - 7;  // b8 imm32, 0f 05
  if (!after_syscall_instruction(registers) || code[0] != 0xb8) return {};
  std::uint32_t number = 0;
  std::memcpy(&number, code + 1, sizeof number);
  if (number == SYS_waitid && registers[REG_RAX] == 0 && registers[REG_RDX] != 0) return {nullptr, reinterpret_cast<siginfo_t*>(registers[REG_RDX])};
  return registers[REG_RAX] > 0 && gives_id(number) ? Given{&registers[REG_RAX], nullptr} : Given{};
}

}  // namespace

std::int32_t given_id(ucontext_t& context) noexcept {
  const Given given = given_by(context.uc_mcontext.gregs);
  if (given.info != nullptr) return given.info->si_pid;
  return given.result != nullptr ? static_cast<std::int32_t>(*given.result) : 0;
}

void give_id(ucontext_t& context, std::int32_t id) noexcept {
  const Given given = given_by(context.uc_mcontext.gregs);
  if (given.info != nullptr) given.info->si_pid = id;
  else if (given.result != nullptr) *given.result = id;
}

}  // namespace stasis::hijack
