// From an image to a plan, see plan.hpp.
//
// The order: clear everything but the parking place, the vdso and inherited shared memory; the vdso; the mappings, writable where content comes; all content;
// protections and advice; inherited shared memory goes; then what refers to the whole (memory map, limits); the jump.
// World: programs.
#include "restart_wrapper/plan.hpp"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "restart_wrapper/vdso.hpp"

namespace stasis::restart {
namespace {

constexpr std::uint64_t kHugePage = 2u << 20;
constexpr std::uint32_t kMapDroppable = 8;  // MAP_DROPPABLE, Linux 6.11

std::string hex(std::uint64_t number) { return std::string(FixedString<24>("0x").append_number(number, 16).view()); }

class Builder {
 public:
  explicit Builder(const PlanInput& input) : input_(input), process_(input.image->process()) {}

  Result<Plan> build() {
    clear();
    STASIS_TRY(place_vdso());
    for (const image::MappingRecord& mapping : input_.image->mappings()) STASIS_TRY(place(mapping));
    read_everything();
    plan_.ops.insert(plan_.ops.end(), after_reading_.begin(), after_reading_.end());
    if (next_run_ != input_.image->page_runs().size())
      return error(ErrorCode::image_damaged, "a page run lies in no mapping: " + hex(input_.image->page_runs()[next_run_].address));
    drop_shared();
    finish();
    return std::move(plan_);
  }

 private:
  Op& add(OpKind kind, std::uint64_t address = 0, std::uint64_t length = 0) {
    Op& op = plan_.ops.emplace_back();
    op.kind = kind, op.address = address, op.length = length;
    return op;
  }
  Op& add_later(OpKind kind, std::uint64_t address, std::uint64_t length) {
    Op& op = after_reading_.emplace_back();
    op.kind = kind, op.address = address, op.length = length;
    return op;
  }
  std::uint32_t keep(std::string_view bytes) {
    plan_.data.resize((plan_.data.size() + 15) / 16 * 16);  // structures of the kernel among them
    const auto at = static_cast<std::uint32_t>(plan_.data.size());
    plan_.data.append(bytes);
    plan_.data.push_back('\0');
    return at;
  }
  template <class T>
  std::uint32_t keep_struct(const T& value) {
    return keep({reinterpret_cast<const char*>(&value), sizeof value});
  }

  void clear();
  Status place_vdso();
  void move_vdso(const Range& target);
  Status place(const image::MappingRecord& mapping);
  Status place_shared_memory(const image::MappingRecord& mapping);
  Status place_segment(const image::MappingRecord& mapping, int segment);
  void use_huge_pages(const image::MappingRecord& mapping, std::size_t first, std::size_t count);
  void read_everything();
  void advise(const image::MappingRecord& mapping);
  void drop_shared();
  void finish();
  void take_locks();
  void finish_limits();

  const PlanInput& input_;
  const image::ProcessRecord& process_;
  Plan plan_;
  std::vector<Op> after_reading_;
  std::uint64_t attached_base_ = 0;  // of the segment that was attached last
  std::size_t next_run_ = 0;  // of the image's page runs: mappings and runs ascend together
};

void Builder::clear() {
  RangeSet kept;
  kept.add(input_.parking);
  kept.add(input_.shared);
  kept.add(input_.vdso.block);
  for (const Range& gap : kept.gaps(kUserSpace)) add(OpKind::unmap, gap.start, gap.length());
}

// The same vdso as before goes to its old place, data pages and all. Of another one, the old text is put there and leads into the live one, which
// stays where it is unless the program has memory there. So it is with a sealed one, which cannot be moved.
Status Builder::place_vdso() {
  const LiveVdso& live = input_.vdso;
  if (process_.vdso_end == 0) return {};  // the program had none, or its glibc uses none
  const Range old_block{process_.vvar_start, process_.vdso_end};
  const Range old_text{process_.vdso_start, process_.vdso_end};
  const bool same_layout = live.block.length() == old_block.length() && live.text.length() == old_text.length();
  if (same_layout && process_.vdso == live.bytes && (!live.is_sealed || live.block == old_block)) {
    plan_.moves_vdso = true;
    move_vdso(old_block);
    return {};
  }
  RangeSet program;
  for (const image::MappingRecord& mapping : input_.image->mappings()) program.add({mapping.start, mapping.end});
  program.add(old_text);
  std::uint64_t live_text = live.text.start;
  if (live.block.length() != 0 && program.overlaps(live.block)) {
    if (live.is_sealed) return error(ErrorCode::restore_failed, "this kernel's vdso is where the program has memory, and sealed: try again");
    live_text = input_.vdso_refuge.start + (live.text.start - live.block.start);
    move_vdso({input_.vdso_refuge.start, input_.vdso_refuge.start + live.block.length()});
  }
  if (process_.vdso.size() != old_text.length()) return error(ErrorCode::restore_failed, "the image lacks the text of its vdso");
  STASIS_TRY_VALUE(const std::string text, redirected_vdso(process_.vdso, live.bytes, live_text));
  Op& map = add(OpKind::map, old_text.start, old_text.length());
  map.protection = PROT_READ | PROT_WRITE, map.flags = MAP_PRIVATE | MAP_ANONYMOUS;
  add(OpKind::copy, old_text.start, text.size()).data = keep(text);
  add(OpKind::protect, old_text.start, old_text.length()).protection = PROT_READ | PROT_EXEC;
  return {};
}

// Each mapping of the block on its own: before Linux 6.17 mremap takes one at a time. Places that overlap are reached by way of the refuge.
void Builder::move_vdso(const Range& target) {
  Range from = input_.vdso.block;
  if (from == target) return;
  const auto move_all = [&](std::uint64_t source, std::uint64_t destination) {
    for (const Range& piece : input_.vdso.pieces) {
      const std::uint64_t offset = piece.start - input_.vdso.block.start;
      add(OpKind::move, source + offset, piece.length()).target = destination + offset;
    }
  };
  if (from.overlaps(target)) {
    move_all(from.start, input_.vdso_refuge.start);
    from.start = input_.vdso_refuge.start;
  }
  move_all(from.start, target.start);
}

Status Builder::place(const image::MappingRecord& mapping) {
  const auto runs = input_.image->page_runs();
  const std::size_t first = next_run_;
  while (next_run_ != runs.size() && runs[next_run_].address >= mapping.start && runs[next_run_].address < mapping.end) {
    if (runs[next_run_].length > mapping.end - runs[next_run_].address)
      return error(ErrorCode::image_damaged, "a page run goes beyond its mapping: " + hex(runs[next_run_].address));
    ++next_run_;
  }
  const std::size_t count = next_run_ - first;
  if (mapping.kind == image::MappingKind::shared_memory) return place_shared_memory(mapping);

  const bool shared = mapping.kind == image::MappingKind::file_shared;
  if (shared && count != 0) return error(ErrorCode::image_damaged, "a page run in a shared file mapping: " + hex(mapping.start));
  const bool from_file = mapping.kind != image::MappingKind::anonymous;
  Op& map = add(from_file ? OpKind::map_file : OpKind::map, mapping.start, mapping.end - mapping.start);
  map.protection = mapping.protection | (count != 0 ? PROT_READ | PROT_WRITE : 0);
  map.flags = shared ? MAP_SHARED : mapping.flags & image::kDroppable ? kMapDroppable : MAP_PRIVATE;
  if (!from_file) map.flags |= MAP_ANONYMOUS;
  if (mapping.flags & image::kGrowsDown) map.flags |= MAP_GROWSDOWN;
  if (mapping.flags & image::kNoReserve) map.flags |= MAP_NORESERVE;
  if (from_file) {
    map.offset = mapping.offset;
    // Where it may be written to no more, it can be read as long as it is not to be written.
    const bool may_write = (mapping.flags & image::kMayWrite) != 0 && ::access(std::string(mapping.path).c_str(), W_OK) == 0;
    map.flags2 = O_CLOEXEC | (shared && (may_write || (mapping.protection & PROT_WRITE)) ? O_RDWR : O_RDONLY);
    map.data = keep(mapping.path);
  }
  if (map.protection != mapping.protection)
    add_later(OpKind::protect, mapping.start, mapping.end - mapping.start).protection = mapping.protection;
  if (count != 0) use_huge_pages(mapping, first, count);
  advise(mapping);
  return {};
}

// Memory that was mostly there is filled in huge pages: one fault and one clearing for 512 pages. Not for sparse memory, which would grow.
void Builder::use_huge_pages(const image::MappingRecord& mapping, std::size_t first, std::size_t count) {
  const auto runs = input_.image->page_runs().subspan(first, count);
  std::uint64_t bytes = 0;
  for (const image::PageRun& run : runs) bytes += run.length;
  const std::uint64_t length = mapping.end - mapping.start;
  const bool dense = mapping.kind == image::MappingKind::anonymous && length >= kHugePage && bytes >= length - length / 4;
  if (dense && !(mapping.flags & (image::kHugePageRefused | image::kHugePageAdvised)))
    add(OpKind::advise, mapping.start, length).flags = MADV_HUGEPAGE;
}

// One operation for all runs, so that several processors can share the work.
void Builder::read_everything() {
  const auto runs = input_.image->page_runs();
  plan_.runs.assign(runs.begin(), runs.end());
  for (const image::PageRun& run : runs) plan_.bytes_read += run.length;
  if (runs.empty()) return;
  Op& read = add(OpKind::read_runs, runs.front().address, plan_.bytes_read);
  read.fd = input_.image_fd;
  read.count = static_cast<std::uint32_t>(runs.size());
}

void Builder::advise(const image::MappingRecord& mapping) {
  const auto length = mapping.end - mapping.start;
  const auto give = [&](std::uint32_t flag, std::uint32_t advice) {
    if (mapping.flags & flag) add_later(OpKind::advise, mapping.start, length).flags = advice;
  };
  give(image::kHugePageAdvised, MADV_HUGEPAGE);
  give(image::kHugePageRefused, MADV_NOHUGEPAGE);
  give(image::kDontFork, MADV_DONTFORK);
  give(image::kDontDump, MADV_DONTDUMP);
  if (mapping.kind == image::MappingKind::anonymous) give(image::kWipeOnFork, MADV_WIPEONFORK);
  give(image::kSequential, MADV_SEQUENTIAL);
  give(image::kRandom, MADV_RANDOM);
  give(image::kMergeable, MADV_MERGEABLE);
  if (mapping.flags & image::kLocked) add_later(OpKind::lock, mapping.start, length).flags = mapping.flags & image::kLockedOnFault ? MLOCK_ONFAULT : 0;
  if (mapping.flags & image::kSealed) add_later(OpKind::seal, mapping.start, length);
}

Status Builder::place_shared_memory(const image::MappingRecord& mapping) {
  const auto source = input_.shared_memory.find(mapping.object);
  if (source == input_.shared_memory.end())
    return error(ErrorCode::restore_failed, "no image holds the content of the shared memory at " + hex(mapping.start));
  const std::uint64_t length = mapping.end - mapping.start;
  if (source->second.segment >= 0) return place_segment(mapping, source->second.segment);
  const bool by_descriptor = source->second.address == 0 || (source->second.fd >= 0 && (mapping.flags & image::kMayWrite) == 0);
  if (!by_descriptor) {
    add(OpKind::duplicate, source->second.address + mapping.offset, length).target = mapping.start;
    add(OpKind::protect, mapping.start, length).protection = mapping.protection;
  } else {
    Op& map = add(OpKind::map, mapping.start, length);
    map.protection = mapping.protection, map.flags = MAP_SHARED, map.offset = mapping.offset, map.fd = source->second.fd;
  }
  advise(mapping);
  return {};
}

// A segment is attached whole. Parts of it that have protections of their own are mappings of their own; what was unmapped of it goes again.
Status Builder::place_segment(const image::MappingRecord& mapping, int segment) {
  const std::uint64_t base = mapping.start - mapping.offset, end = base + (mapping.file_size + image::kPage - 1) / image::kPage * image::kPage;
  if (base != attached_base_) {
    attached_base_ = base;
    std::uint64_t at = base;
    bool writes = false, executes = false;
    const auto part = [&](const image::MappingRecord& other) { return other.object == mapping.object && other.start - other.offset == base; };
    for (const image::MappingRecord& other : input_.image->mappings())
      if (part(other)) writes |= (other.protection & PROT_WRITE) != 0, executes |= (other.protection & PROT_EXEC) != 0;
      else if (other.start < end && other.end > base) return error(ErrorCode::restore_failed, "other memory is where a part of a System V segment was unmapped, at " + hex(other.start));
    Op& attach = add(OpKind::attach, base, end - base);
    attach.fd = segment, attach.flags = static_cast<std::uint32_t>((writes ? 0 : SHM_RDONLY) | (executes ? SHM_EXEC : 0));
    for (const image::MappingRecord& other : input_.image->mappings()) {
      if (!part(other)) continue;
      if (other.start > at) add(OpKind::unmap, at, other.start - at);
      at = other.end;
    }
    if (at < end) add(OpKind::unmap, at, end - at);
  }
  add(OpKind::protect, mapping.start, mapping.end - mapping.start).protection = mapping.protection;
  advise(mapping);
  return {};
}

void Builder::drop_shared() {
  if (input_.shared.length() != 0) add(OpKind::unmap, input_.shared.start, input_.shared.length());
  for (const auto& [id, source] : input_.shared_memory)
    if (source.fd >= 0) add(OpKind::close).fd = source.fd;
}

void Builder::finish() {
  add(OpKind::copy, process_.handoff, sizeof input_.handoff).data = keep_struct(input_.handoff);

  prctl_mm_map map{};
  map.start_code = process_.start_code, map.end_code = process_.end_code;
  map.start_data = process_.start_data, map.end_data = process_.end_data;
  map.start_brk = process_.start_brk, map.brk = process_.brk, map.start_stack = process_.start_stack;
  map.arg_start = process_.argument_start, map.arg_end = process_.argument_end;
  map.env_start = process_.environment_start, map.env_end = process_.environment_end;
  map.auxv_size = static_cast<std::uint32_t>(process_.auxiliary_vector.size());
  map.exe_fd = static_cast<std::uint32_t>(input_.executable_fd);
  plan_.auxiliary_at = keep(process_.auxiliary_vector);
  plan_.memory_map_at = keep_struct(map);
  add(OpKind::memory_map, 0, sizeof map).data = plan_.memory_map_at;

  if (input_.executable_fd >= 0) add(OpKind::close).fd = input_.executable_fd;
  add(OpKind::close).fd = input_.image_fd;
  take_locks();
  finish_limits();
  Op& jump = add(OpKind::jump, process_.entry, process_.fs_base);
  jump.target = process_.entry_stack;
}

// After the last file is closed: closing one takes the process's locks on it away.
void Builder::take_locks() {
  for (const image::DescriptorRecord& descriptor : input_.image->descriptors())
    descriptor.locks.for_each([&](const image::LockRecord& lock) {
      struct flock wanted{};
      wanted.l_type = lock.exclusive ? F_WRLCK : F_RDLCK;
      wanted.l_whence = SEEK_SET;
      wanted.l_start = static_cast<off_t>(lock.start), wanted.l_len = static_cast<off_t>(lock.length);
      Op& op = add(OpKind::lock_file);
      op.fd = descriptor.fd, op.data = keep_struct(wanted);
    });
}

// Last, because they may forbid what was done above: memory beyond RLIMIT_AS, descriptors beyond RLIMIT_NOFILE.
void Builder::finish_limits() {
  process_.limits.for_each([&](const image::LimitRecord& limit) {
    if (limit.resource == RLIMIT_NPROC) return;  // the library sets it when it has made the threads (hijack/engine/wake.cpp)
    const rlimit value{limit.soft, limit.hard};
    rlimit current{};
    // A hard limit can be lowered by all, raised by few: where this machine allows less than the old one, its limit counts.
    rlimit wanted = value;
    if (::getrlimit(static_cast<__rlimit_resource_t>(limit.resource), &current) == 0 && wanted.rlim_max > current.rlim_max) {
      wanted.rlim_max = current.rlim_max;
      wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
    }
    Op& op = add(OpKind::limit);
    op.flags = limit.resource;
    op.data = keep_struct(wanted);
  });
  if (process_.dumpable != 1) {
    Op& op = add(OpKind::control);
    op.flags = PR_SET_DUMPABLE, op.offset = static_cast<std::uint64_t>(process_.dumpable);
  }
}

}  // namespace

Result<Plan> build_plan(const PlanInput& input) { return Builder(input).build(); }

std::uint64_t largest_plan_size(const image::Image& image, const LiveVdso& vdso) {
  std::uint64_t size = sizeof(PlanHeader) + image.page_runs().size() * sizeof(image::PageRun);
  for (const image::MappingRecord& mapping : image.mappings()) size += 12 * sizeof(Op) + mapping.path.size() + 32;
  size += image.shared_memory().size() * sizeof(Op) + 64 * (sizeof(Op) + 64) + (vdso.pieces.size() + 8) * 4 * sizeof(Op);
  for (const image::DescriptorRecord& descriptor : image.descriptors()) size += descriptor.locks.size() * (sizeof(Op) + sizeof(struct flock) + 16);
  return size + image.process().vdso.size() + image.process().auxiliary_vector.size() + sizeof(image::Handoff) + 4096;
}

}  // namespace stasis::restart
