// The rest of system calls, see rest_of_call.hpp.
//
// What a call wants is told by its arguments, or by what it is about. A call with a vector goes on in two steps where it stopped within an entry: the rest of that entry, then the entries behind it.
// Between the two others may write, as they may whenever such a call sleeps. Sockets are written to with MSG_NOSIGNAL: the kernel sends SIGPIPE only to who has written nothing.
// World: hijack; see there. Compiled for general registers only, and without calls of the C library.
#include "hijack/engine/rest_of_call.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>

#include <cerrno>

#include "core/sys/syscall.hpp"

extern "C" {
void stasis_rest_of_call();
extern const char stasis_rest_begun[], stasis_rest_done[], stasis_rest_code[], stasis_rest_code_end[], stasis_ready_for_rest[], stasis_called_for_rest[];
long stasis_call_for_rest(long number, const long* arguments);
long stasis_do_rest(stasis::hijack::RestOfCall* rest);
}

// Around all code of this file, which is compiled so that its order stays and R15 is not used: while that runs R15 has the rest.
asm(".text\n.globl stasis_rest_code\n.hidden stasis_rest_code\nstasis_rest_code:");

namespace stasis::hijack {
namespace {

constexpr long kMost = 0x7ffff000;  // MAX_RW_COUNT: no call does more
constexpr long kFastOpen = 0x20000000, kZeroCopy = 0x4000000, kWaitForOne = 0x10000;
constexpr long kEvent = 32;         // struct io_event
constexpr long kGetEvents = 1;      // IORING_ENTER_GETEVENTS
constexpr unsigned kMemoryDevices = 1;

long at_most(long bytes) noexcept { return bytes < 0 || bytes > kMost ? kMost : bytes; }

struct Vector {
  const iovec* entries;
  long count;

  long bytes() const noexcept {
    long sum = 0;
    for (long i = 0; i < count && sum < kMost; ++i) sum += at_most(static_cast<long>(entries[i].iov_len));
    return at_most(sum);
  }
};

Vector vector_of(const msghdr& message) noexcept { return {message.msg_iov, static_cast<long>(message.msg_iovlen)}; }

bool file_of(long fd, struct stat& file) noexcept { return sys::call(SYS_fstat, fd, &file) == 0; }
// Calls that write to these sleep until all is written.
bool is_stream(long fd) noexcept {
  struct stat file;
  return file_of(fd, file) && (S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode) || S_ISCHR(file.st_mode));
}

int option_of(long fd, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return sys::call(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &size) == 0 ? value : 0;
}

// How much a receiver waits for. Not known where a low-water mark is above what is left: TCP wakes nobody for less than that.
long wanted_by_receive(long fd, long bytes, long flags) noexcept {
  const long least = option_of(fd, SO_RCVLOWAT);
  if (least > 1 && option_of(fd, SO_DOMAIN) != AF_UNIX) return 0;
  return (flags & MSG_WAITALL) == 0 && least < bytes ? least : bytes;
}

// How much a read that may take `bytes` waits for.
long wanted_by_read(long fd, long bytes) noexcept {
  struct stat file;
  if (!file_of(fd, file)) return 0;
  if (S_ISSOCK(file.st_mode)) return wanted_by_receive(fd, bytes, 0);
  if (!S_ISCHR(file.st_mode)) return 0;
  if (major(file.st_rdev) == kMemoryDevices) {
    const unsigned which = minor(file.st_rdev);
    return which == 5 || which == 7 || which == 9 ? bytes : 0;  // zero, full, urandom
  }
  struct {  // struct termios of the kernel
    tcflag_t input, output, control, local;
    cc_t line, characters[19];
  } modes;
  if (sys::call(SYS_ioctl, fd, TCGETS, &modes) != 0 || (modes.local & ICANON) != 0 || modes.characters[VTIME] != 0) return 0;
  const long least = modes.characters[VMIN];
  return least < bytes ? least : bytes;
}

bool is_pipe(long fd) noexcept {
  struct stat file;
  return file_of(fd, file) && S_ISFIFO(file.st_mode);
}

// How much a call with these arguments does unless something comes in between; 0 if that is not known.
long wanted(long number, const long* arguments) noexcept {
  const long fd = arguments[0];
  const Vector vector{reinterpret_cast<const iovec*>(arguments[1]), arguments[2]};
  switch (number) {
    case SYS_write: return is_stream(fd) ? at_most(arguments[2]) : 0;
    case SYS_writev: return is_stream(fd) ? vector.bytes() : 0;
    case SYS_pwritev2: return arguments[5] == 0 && is_stream(fd) ? vector.bytes() : 0;
    case SYS_sendto: return (arguments[3] & (MSG_OOB | kZeroCopy)) == 0 ? at_most(arguments[2]) : 0;
    case SYS_sendmsg: return (arguments[2] & (MSG_OOB | kZeroCopy)) == 0 ? vector_of(*reinterpret_cast<const msghdr*>(arguments[1])).bytes() : 0;
    case SYS_sendmmsg: return (arguments[3] & (MSG_OOB | kZeroCopy)) == 0 ? arguments[2] : 0;
    case SYS_sendfile: return at_most(arguments[3]);
    case SYS_splice: return is_pipe(arguments[0]) && !is_pipe(arguments[2]) ? at_most(arguments[4]) : 0;
    case SYS_read: return wanted_by_read(fd, at_most(arguments[2]));
    case SYS_readv: return wanted_by_read(fd, vector.bytes());
    case SYS_recvfrom: return (arguments[3] & MSG_OOB) == 0 ? wanted_by_receive(fd, at_most(arguments[2]), arguments[3]) : 0;
    case SYS_recvmsg: {
      const auto& message = *reinterpret_cast<const msghdr*>(arguments[1]);
      return (arguments[2] & MSG_OOB) == 0 && message.msg_control == nullptr ? wanted_by_receive(fd, vector_of(message).bytes(), arguments[2]) : 0;
    }
    case SYS_recvmmsg: {
      const auto* left = reinterpret_cast<const timespec*>(arguments[4]);  // the kernel has brought it up to date
      return (arguments[3] & (kWaitForOne | MSG_PEEK)) == 0 && (left == nullptr || left->tv_sec != 0 || left->tv_nsec != 0) ? arguments[2] : 0;
    }
    case SYS_io_getevents: case SYS_io_pgetevents: return arguments[1];
    // Having submitted it waits, which is what is left; one more than it submits.
    case SYS_io_uring_enter: return (arguments[3] & kGetEvents) != 0 && arguments[2] != 0 ? static_cast<std::int32_t>(arguments[1]) + 1l : 0;
    case SYS_getrandom: return (arguments[2] & 2 /* GRND_RANDOM */) == 0 ? at_most(arguments[1]) : 0;
    default: return 0;
  }
}

// One system call for a part of the rest.
struct Step {
  long number;
  long arguments[6];
  long wanted;
  msghdr message;
  long number_otherwise;  // if it is no socket
};

void send_bytes(Step& step, long fd, const char* from, long bytes, long flags) noexcept {
  step.number = SYS_sendto;
  step.arguments[0] = fd, step.arguments[1] = reinterpret_cast<long>(from), step.arguments[2] = bytes;
  step.arguments[3] = (flags & ~kFastOpen) | MSG_NOSIGNAL, step.arguments[4] = 0, step.arguments[5] = 0;
  step.wanted = bytes;
}

// Sends or receives what is behind the first `done` bytes of a vector, or what is left of an entry of it; `wanted` is told of the whole.
void pass_vector(Step& step, long fd, const Vector& vector, long done, long wanted, long flags, bool sends) noexcept {
  long i = 0;
  while (i < vector.count && done >= static_cast<long>(vector.entries[i].iov_len)) done -= static_cast<long>(vector.entries[i++].iov_len);
  if (i == vector.count) {
    step.wanted = 0;
    return;
  }
  if (done > 0 || wanted < Vector{vector.entries + i, vector.count - i}.bytes()) {  // so that no more is received than is waited for
    long bytes = static_cast<long>(vector.entries[i].iov_len) - done;
    if (bytes > wanted) bytes = wanted;
    send_bytes(step, fd, static_cast<const char*>(vector.entries[i].iov_base) + done, bytes, flags);
    if (!sends) step.number = SYS_recvfrom, step.arguments[3] = flags | MSG_WAITALL;
    step.number_otherwise = sends ? SYS_write : SYS_read;
    return;
  }
  step.message.msg_name = nullptr, step.message.msg_namelen = 0;
  step.message.msg_iov = const_cast<iovec*>(vector.entries + i), step.message.msg_iovlen = static_cast<std::size_t>(vector.count - i);
  step.message.msg_control = nullptr, step.message.msg_controllen = 0, step.message.msg_flags = 0;
  step.number = sends ? SYS_sendmsg : SYS_recvmsg;
  step.arguments[0] = fd, step.arguments[1] = reinterpret_cast<long>(&step.message);
  step.arguments[2] = sends ? (flags & ~kFastOpen) | MSG_NOSIGNAL : flags | MSG_WAITALL;
  step.number_otherwise = sends ? SYS_writev : SYS_readv;
  step.wanted = wanted;
}

// To something that is no socket.
void make_otherwise(Step& step) noexcept {
  if (step.number == SYS_sendmsg || step.number == SYS_recvmsg) {
    step.arguments[1] = reinterpret_cast<long>(step.message.msg_iov), step.arguments[2] = static_cast<long>(step.message.msg_iovlen);
  }
  step.number = step.number_otherwise;
}

// The last message that sendmmsg(2) counts may have been sent in part.
mmsghdr* partial_message(const RestOfCall& rest) noexcept {
  if (rest.number != SYS_sendmmsg || rest.done == 0) return nullptr;
  auto& last = reinterpret_cast<mmsghdr*>(rest.arguments[1])[rest.done - 1];
  return static_cast<long>(last.msg_len) < vector_of(last.msg_hdr).bytes() ? &last : nullptr;
}

// recvmmsg(2) that has received something leaves what ended it for the next call, and be it our signal (do_recvmmsg() of net/socket.c).
void forget_interruption(long fd) noexcept { option_of(fd, SO_ERROR); }

// The next step; false if there is none.
bool next_step(Step& step, const RestOfCall& rest) noexcept {
  const long done = rest.done, left = rest.total - done;
  const long* arguments = rest.arguments;
  const long fd = arguments[0];
  if (const mmsghdr* partial = partial_message(rest)) {
    const Vector vector = vector_of(partial->msg_hdr);
    pass_vector(step, fd, vector, static_cast<long>(partial->msg_len), vector.bytes() - static_cast<long>(partial->msg_len), arguments[3], true);
    return step.wanted > 0;
  }
  if (left <= 0) return false;
  for (int i = 0; i != 6; ++i) step.arguments[i] = arguments[i];
  step.number = rest.number, step.wanted = left, step.number_otherwise = rest.number;
  const Vector vector{reinterpret_cast<const iovec*>(arguments[1]), arguments[2]};
  switch (rest.number) {
    case SYS_write: case SYS_sendto:
      send_bytes(step, fd, reinterpret_cast<const char*>(arguments[1]) + done, left, rest.number == SYS_sendto ? arguments[3] : 0);
      step.number_otherwise = SYS_write;
      break;
    case SYS_read: case SYS_recvfrom:
      step.number = SYS_recvfrom, step.number_otherwise = SYS_read;
      step.arguments[1] += done, step.arguments[2] = left, step.arguments[3] = (rest.number == SYS_recvfrom ? arguments[3] : 0) | MSG_WAITALL;
      step.arguments[4] = 0, step.arguments[5] = 0;
      break;
    case SYS_writev: case SYS_pwritev2: pass_vector(step, fd, vector, done, left, 0, true); break;
    case SYS_readv: pass_vector(step, fd, vector, done, left, 0, false); break;
    case SYS_sendmsg: pass_vector(step, fd, vector_of(*reinterpret_cast<const msghdr*>(arguments[1])), done, left, arguments[2], true); break;
    case SYS_recvmsg: pass_vector(step, fd, vector_of(*reinterpret_cast<const msghdr*>(arguments[1])), done, left, arguments[2], false); break;
    case SYS_sendmmsg: case SYS_recvmmsg: step.arguments[1] += done * static_cast<long>(sizeof(mmsghdr)), step.arguments[2] = left; break;
    case SYS_sendfile: step.arguments[3] = left; break;
    case SYS_splice: step.arguments[4] = left, step.arguments[5] |= SPLICE_F_NONBLOCK; break;  // if the pipe is empty, that was all
    case SYS_io_getevents: case SYS_io_pgetevents: step.arguments[1] = left, step.arguments[2] -= done, step.arguments[3] += done * kEvent; break;
    case SYS_io_uring_enter: step.arguments[1] = 0; break;
    case SYS_getrandom: step.arguments[0] += done, step.arguments[1] = left; break;
    default: return false;
  }
  return step.wanted > 0;
}

RestOfCall from_registers(const greg_t* registers, std::int64_t number) noexcept {
  RestOfCall rest{static_cast<std::int32_t>(number), 0, 0, 0,
                  {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], registers[REG_R10], registers[REG_R8], registers[REG_R9]}, 0, 0};
  const greg_t done = registers[REG_RAX];
  if (number == SYS_io_uring_enter && done != static_cast<std::int32_t>(registers[REG_RSI])) return rest;  // it waits only if it has submitted all
  if (done > 0 && done <= kMost) rest.done = static_cast<std::int32_t>(done), rest.total = static_cast<std::int32_t>(wanted(number, rest.arguments));
  return rest;
}

bool is_socket(long fd) noexcept {
  struct stat file;
  return file_of(fd, file) && S_ISSOCK(file.st_mode);
}

}  // namespace

bool has_rest(const greg_t* registers, std::int64_t number) noexcept {
  const RestOfCall rest = from_registers(registers, number);
  return rest.total > 0 && (rest.done < rest.total || (rest.done == rest.total && partial_message(rest) != nullptr));
}

void go_on_with_rest(greg_t* registers, std::int64_t number) noexcept {
  const RestOfCall rest = from_registers(registers, number);
  if (number == SYS_recvmmsg) forget_interruption(rest.arguments[0]);
  registers[REG_RCX] = registers[REG_RIP];
  registers[REG_R11] = number | static_cast<greg_t>(is_socket(rest.arguments[0])) << 32;
  registers[REG_RAX] = rest.done | static_cast<greg_t>(rest.total) << 32;
  registers[REG_RIP] = reinterpret_cast<greg_t>(&stasis_rest_of_call);
}

bool leave_rest(greg_t* registers) noexcept {
  if (registers[REG_RIP] != reinterpret_cast<greg_t>(&stasis_rest_of_call)) return false;
  registers[REG_RIP] = registers[REG_RCX];
  registers[REG_RAX] = static_cast<std::uint32_t>(registers[REG_RAX]);
  return true;
}

bool is_in_rest(const greg_t* registers) noexcept {
  const auto* const at = reinterpret_cast<const char*>(registers[REG_RIP]);
  return (at >= stasis_rest_code && at < stasis_rest_code_end) || (at >= stasis_rest_begun && at < stasis_rest_done) ||
         (at >= reinterpret_cast<const char*>(&stasis_call_for_rest) && at <= stasis_called_for_rest);
}

bool end_rest(greg_t* registers) noexcept {
  if (!is_in_rest(registers)) return false;
  const auto* const at = reinterpret_cast<const char*>(registers[REG_RIP]);
  reinterpret_cast<RestOfCall*>(registers[REG_R15])->is_ended = 1;
  if (at >= stasis_ready_for_rest && at < stasis_called_for_rest) registers[REG_RIP] = reinterpret_cast<greg_t>(&stasis_ready_for_rest[0]);
  return true;
}

void note_interruption(RestOfCall& rest) noexcept {
  rest.is_interrupted = 1;
  if (rest.number == SYS_recvmmsg) forget_interruption(rest.arguments[0]);
}

RestOfCall* interrupted_rest(const greg_t* registers) noexcept {
  return registers[REG_RIP] == reinterpret_cast<greg_t>(&stasis_called_for_rest[0]) ? reinterpret_cast<RestOfCall*>(registers[REG_R15]) : nullptr;
}

}  // namespace stasis::hijack

// Returns what the whole call has done.
extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_do_rest(stasis::hijack::RestOfCall* rest) {
  using namespace stasis::hijack;
  Step step;
  while (next_step(step, *rest)) {
    if (rest->is_socket == 0 && step.number != step.number_otherwise) make_otherwise(step);
    mmsghdr* const partial = partial_message(*rest);
    rest->is_interrupted = 0;
    const long result = stasis_call_for_rest(step.number, step.arguments);
    if (result <= 0) break;
    if (partial != nullptr) partial->msg_len += static_cast<unsigned>(result);
    else rest->done += static_cast<std::int32_t>(result);
    const bool is_short = result < step.wanted || (partial == nullptr && partial_message(*rest) != nullptr);
    if (is_short && rest->is_interrupted == 0) break;
  }
  return rest->done;
}

asm(".text\n.globl stasis_rest_code_end\n.hidden stasis_rest_code_end\nstasis_rest_code_end:");
