// One process of the program, see member.hpp.
//
// First everything that may fail and needs our own memory and descriptors (the plan), then the descriptors, then the jump.
// World: programs.
#include "restart_wrapper/member.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "restart_wrapper/handover.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

// Lowering is always allowed; what this user may not raise stays where it is on this machine.
void set_scheduling(const image::ProcessRecord& process) {
  ::setpriority(PRIO_PROCESS, 0, process.nice);
  if (process.timer_slack_ns != 0) ::prctl(PR_SET_TIMERSLACK, process.timer_slack_ns, 0, 0, 0);
  const int fd = ::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  char text[16] = {};
  if (::read(fd, text, sizeof text - 1) > 0 && std::atoi(text) != process.oom_score_adjustment) {
    const std::string wanted = std::to_string(process.oom_score_adjustment);
    [[maybe_unused]] const ssize_t ignored = ::pwrite(fd, wanted.data(), wanted.size(), 0);
  }
  ::close(fd);
}

Status set_directory(const image::ProcessRecord& process) {
  const std::string directory(process.directory);
  const bool made = process.directory_deleted && ::mkdir(directory.c_str(), 0700) == 0;
  if (::chdir(directory.c_str()) != 0) return system_error("change to the directory " + directory, -errno);
  if (made) ::rmdir(directory.c_str());
  return {};
}

Status set_attributes(const image::ProcessRecord& process) {
  STASIS_TRY(set_directory(process));
  ::umask(process.umask);
  set_scheduling(process);
  ::prctl(PR_SET_NAME, std::string(process.name).c_str(), 0, 0, 0);
  // That what is readable is executable too must not hold for what the restorer maps: the library sets it (hijack/engine/process_attributes.cpp).
  if (process.personality != 0) ::personality(process.personality & ~static_cast<std::uint64_t>(READ_IMPLIES_EXEC));
  if (process.child_subreaper != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (process.no_new_privileges != 0) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return {};
}

void set_owner(const Site& site, const image::DescriptionRecord& record, int fd) {
  const int owner = site.ids.kernels(record.owner);
  if (owner != 0) ::fcntl(fd, F_SETOWN, owner);
  if (record.owner_signal != 0) ::fcntl(fd, F_SETSIG, record.owner_signal);
  if (owner != ::getpid()) return;
  // The signals tell the number (si_fd) under which these were set, so they are set under one that the owner has.
  if ((record.status_flags & O_ASYNC) != 0) {
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, flags & ~O_ASYNC), ::fcntl(fd, F_SETFL, flags | O_ASYNC);
  }
  record.locks.for_each([&](const image::LockRecord& lock) {
    if (lock.kind == image::LockKind::lease) ::fcntl(fd, F_SETLEASE, lock.exclusive ? F_WRLCK : F_RDLCK);  // somebody else has the file open: as if it had been broken
  });
}

// Takes over what the first process has made after we were forked, under the numbers that were kept for it. The first process is not below us, but in our user
// namespace, in which we may look at everybody (pidfd_getfd(2)).
Status fetch_late(const Site& site, const image::Image& image) {
  UniqueFd first;
  for (const image::DescriptorRecord& descriptor : image.descriptors()) {
    const auto late = site.late.find(descriptor.description);
    if (late == site.late.end()) continue;
    if (!first) first.reset(static_cast<int>(::syscall(SYS_pidfd_open, site.first_process, 0)));
    const UniqueFd fetched(static_cast<int>(::syscall(SYS_pidfd_getfd, first.get(), late->second, 0)));
    if (!fetched) return system_error("fetch descriptor " + std::to_string(descriptor.fd), -errno);
    if (::dup3(fetched.get(), late->second, O_CLOEXEC) < 0) return system_error("keep descriptor " + std::to_string(descriptor.fd), -errno);
  }
  return {};
}

// Puts every description under its numbers and closes all else but `kept`.
Status place_descriptors(Site& site, const image::Image& image, std::vector<int> kept) {
  for (const image::DescriptorRecord& descriptor : image.descriptors()) {
    const auto source = site.fds.find(descriptor.description);
    if (source == site.fds.end()) return error(ErrorCode::defect, "no description for descriptor " + std::to_string(descriptor.fd));
    if (::dup3(source->second, descriptor.fd, descriptor.close_on_exec ? O_CLOEXEC : 0) < 0)
      return system_error("place descriptor " + std::to_string(descriptor.fd), -errno);
    set_owner(site, site.computation->descriptions.at(descriptor.description).record, descriptor.fd);
    kept.push_back(descriptor.fd);
  }
  std::sort(kept.begin(), kept.end());
  unsigned next = 0;
  for (const int fd : kept) {
    if (static_cast<unsigned>(fd) > next) ::syscall(SYS_close_range, next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::syscall(SYS_close_range, next, ~0u, 0);
  return {};
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

Result<PlanInput> plan_input(Site& site, const image::Image& image) {
  const image::ProcessRecord& process = image.process();
  PlanInput input;
  input.image = &image;
  input.vdso = site.vdso;
  input.parking = site.parking;
  input.shared = site.shared;
  input.vdso_refuge = site.vdso_refuge;
  input.status_fd = site.status_fd;
  STASIS_TRY_VALUE(input.image_fd, site.numbers.copy(image.fd()));
  // Which program a process runs only a user namespace's administrator may set (PR_SET_MM_EXE_FILE of prctl(2)).
  const int executable = site.ids.are_translated() ? -1 : ::open(std::string(process.program).c_str(), O_RDONLY | O_CLOEXEC);
  if (executable >= 0) {
    STASIS_TRY_VALUE(input.executable_fd, site.numbers.move(executable));
  }
  for (const image::SharedMemoryRecord& memory : image.shared_memory()) {
    const auto source = site.shared_memory.find(memory.id);
    if (source != site.shared_memory.end()) input.shared_memory.insert(*source);
  }
  input.handoff.version = image::kHandoffVersion;
  input.handoff.status_fd = site.status_fd;
  input.handoff.exact_ids = site.ids.are_translated() ? 0 : 1;
  input.handoff.generation = site.computation->generation;
  input.handoff.parking_start = site.parking.start;
  input.handoff.parking_length = site.parking.length();
  input.handoff.monotonic_offset_ns = now_ns() - static_cast<std::int64_t>(process.checkpoint_monotonic_ns);
  return input;
}

// Processors that would have nothing to do while each process reads its own image.
std::uint32_t helpers_for(const Site& site) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  const std::size_t processors = static_cast<std::size_t>(CPU_COUNT(&allowed)) / site.computation->members.size();
  return processors > 1 ? static_cast<std::uint32_t>(processors - 1) : 0;
}

Error attempt(Site& site, int index) {
  const image::Image& image = site.computation->members[static_cast<std::size_t>(index)];
  STASIS_TRY_VALUE(PlanInput input, plan_input(site, image));
  STASIS_TRY_VALUE(Plan plan, build_plan(input));
  STASIS_TRY(set_attributes(image.process()));
  std::vector<int> kept{site.status_fd, input.image_fd};
  if (input.executable_fd >= 0) kept.push_back(input.executable_fd);
  for (const auto& [id, source] : input.shared_memory)
    if (source.fd >= 0) kept.push_back(source.fd);
  STASIS_TRY(fetch_late(site, image));
  STASIS_TRY(place_descriptors(site, image, kept));
  return hand_over(plan, site.parking, site.status_fd, image.process().pid, helpers_for(site));
}

void send_report(const Site& site, const image::RestoreFailure& record) {
  // Smaller than PIPE_BUF: whole or not at all. If the pipe is gone, so is the first process, and we are about to be.
  if (::write(site.status_fd, &record, sizeof record) != sizeof record) ::_exit(127);
}

}  // namespace

void report_step(const Site& site, Step step) {
  image::RestoreFailure record;
  record.pid = site.ids.programs(::getpid());
  record.sys_errno = static_cast<std::int32_t>(step);
  send_report(site, record);
}

void report_failure(const Site& site, const Error& failure) {
  image::RestoreFailure record;
  record.pid = site.ids.programs(::getpid());
  record.sys_errno = failure.sys_errno;
  record.code = static_cast<std::uint32_t>(failure.code);
  record.length = static_cast<std::uint32_t>(std::min(failure.detail.size(), sizeof record.text));
  std::memcpy(record.text, failure.detail.c_str(), record.length);
  send_report(site, record);
  ::_exit(127);
}

void become_member(Site& site, int index) { report_failure(site, attempt(site, index)); }

}  // namespace stasis::restart
