// Reading and classifying mappings, see memory_map.hpp.
//
// A mapping of a file counts as the file's only if its name still leads to the same inode. Files below /dev/shm are memory like any other
// shared memory: on another node they would not be there.
// World: hijack, leader.
#include "core/image/system_v.hpp"
#include "hijack/engine/memory_map.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hijack/engine/membership.hpp"
#include "hijack/engine/system_v.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/system_v_numbers.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

Error unsupported(const image::MappingRecord& mapping, std::string_view what) noexcept {
  FixedString<320> detail(what);
  detail.append(" ").append(mapping.path).append(" mapped at 0x").append_number(mapping.start, 16);
  return error(ErrorCode::unsupported, detail);
}

// "start-end perms offset major:minor inode   path"
Mapping parse_line(std::string_view line) noexcept {
  Text text(line);
  Mapping mapping;
  image::MappingRecord& record = mapping.record;
  record.start = text.number(16);
  text.skip(1);
  record.end = text.number(16);
  const std::string_view permissions = text.word();
  record.protection = (permissions[0] == 'r' ? PROT_READ : 0) | (permissions[1] == 'w' ? PROT_WRITE : 0) | (permissions[2] == 'x' ? PROT_EXEC : 0);
  mapping.readable = permissions[0] == 'r';
  mapping.shared = permissions[3] == 's';
  record.offset = text.number(16);
  const auto major = static_cast<unsigned>(text.number(16));
  text.skip(1);
  record.device = makedev(major, static_cast<unsigned>(text.number(16)));
  record.inode = text.number();
  text.skip_blanks();
  record.path = text.rest();
  return mapping;
}

// "VmFlags: rd wr mr mw me gd ac" (proc_pid_smaps(5)).
void parse_flags(std::string_view words, Mapping& mapping, bool& device_memory) noexcept {
  struct Name {
    std::string_view name;
    std::uint32_t flag;
  };
  constexpr Name kNames[] = {{"gd", image::kGrowsDown}, {"hg", image::kHugePageAdvised}, {"nh", image::kHugePageRefused}, {"dc", image::kDontFork},
                             {"dd", image::kDontDump},  {"wf", image::kWipeOnFork},      {"lo", image::kLocked},          {"nr", image::kNoReserve},
                             {"sr", image::kSequential},{"rr", image::kRandom},          {"mg", image::kMergeable},  {"lf", image::kLockedOnFault},
                             {"sl", image::kSealed},    {"dp", image::kDroppable}};
  Text text(words);
  for (std::string_view word = text.word(); !word.empty(); word = text.word()) {
    for (const Name& one : kNames)
      if (word == one.name) mapping.record.flags |= one.flag;
    if (word == "mw" && mapping.shared) mapping.record.flags |= image::kMayWrite;
    if (word == "io" || word == "pf") device_memory = true;
  }
}

Status classify_file(Mapping& mapping, Arena& arena) noexcept {
  image::MappingRecord& record = mapping.record;
  if (record.path.starts_with("/secretmem")) return unsupported(record, "secret memory (memfd_secret):");
  if (record.path.starts_with("/SYSV")) {
    record.kind = image::MappingKind::shared_memory;
    record.device = image::kSystemVDevice;
    const auto number = static_cast<std::int32_t>(record.inode);
    record.file_size = segment_size(number);
    record.inode = static_cast<std::uint64_t>(programs_number(image::SystemVKind::memory, number));
    return {};
  }
  if (record.path.starts_with("/[aio]")) {
    record.kind = image::MappingKind::anonymous;
    mapping.ring = mapping.whole = true;
    return {};
  }
  if (record.path.starts_with("anon_inode:[io_uring]")) {
    record.kind = image::MappingKind::anonymous;
    mapping.is_uring = mapping.whole = true;
    return {};
  }
  if (record.path.starts_with("anon_inode:") || record.path.starts_with("socket:"))
    return unsupported(record, "memory shared with the kernel:");
  bool deleted = record.path.ends_with(kDeleted);
  struct stat status{};
  if (!deleted) {
    const std::string_view path = arena.copy(record.path);  // with a NUL
    if (path.empty()) return out_of_arena();
    deleted = sys::call(SYS_newfstatat, AT_FDCWD, path.data(), &status, 0) < 0 || status.st_ino != record.inode;
    if (!deleted && S_ISCHR(status.st_mode) && mapping.shared && record.path != "/dev/zero") return unsupported(record, "device memory");
    const bool zeros = S_ISCHR(status.st_mode) && !mapping.shared && record.path == "/dev/zero";
    if (!deleted && !S_ISREG(status.st_mode) && !zeros) deleted = true;
  }
  if (!deleted) {
    record.device = status.st_dev;  // /proc shows another number on some file systems (btrfs, overlayfs)
    record.file_size = static_cast<std::uint64_t>(status.st_size);
    record.file_mtime_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  }
  if (mapping.shared) {
    record.kind = deleted || record.path.starts_with("/dev/shm/") ? image::MappingKind::shared_memory : image::MappingKind::file_shared;
  } else {
    record.kind = deleted ? image::MappingKind::anonymous : image::MappingKind::file_private;
    mapping.whole = deleted && record.path != "/dev/zero" && !record.path.starts_with("/anon_hugepage");
  }
  return {};
}

class Parser {
 public:
  Parser(Arena& arena, const AddressRange& scratch) noexcept : arena_(arena), scratch_(scratch) { map_.mappings = List<Mapping>(arena); }

  Result<MemoryMap> run() noexcept {
    STASIS_TRY_VALUE(const std::string_view file, read_file("/proc/thread-self/smaps", arena_));
    for (Text text(file); !text.done();) {
      const std::string_view line = text.line();
      if (line.starts_with("VmFlags:")) {
        parse_flags(from(line, 8), current_, device_memory_);
        STASIS_TRY(finish());
      } else if (line.starts_with("ProtectionKey:")) {
        key_ = Text(from(line, 14)).number();
      } else if (!line.empty() && (line[0] < 'A' || line[0] > 'Z')) {
        current_ = parse_line(line);
        device_memory_ = false;
        key_ = 0;
      }
    }
    return map_;
  }

 private:
  bool is_kernels() noexcept {
    const image::MappingRecord& record = current_.record;
    if (record.path == "[vdso]") map_.vdso = {record.start, record.end};
    const bool vvar = record.path.starts_with("[vvar");
    if ((vvar || record.path == "[vdso]") && (map_.vvar_start == 0 || record.start < map_.vvar_start)) map_.vvar_start = record.start;
    return vvar || record.path == "[vdso]" || record.path == "[vsyscall]" || record.path == "[uprobes]";
  }

  Status finish() noexcept {
    if (is_kernels()) return {};
    const std::uint64_t start = current_.record.start;
    if (start == reinterpret_cast<std::uint64_t>(members_address()) || start == reinterpret_cast<std::uint64_t>(ids_address())) return {};
    if (scratch_.holds(start)) return {};
    if (device_memory_ && !current_.record.path.starts_with("anon_inode:[io_uring]")) return unsupported(current_.record, "device memory");
    // The kernel takes one itself for what may only be executed (pkeys(7)), and does so again.
    if (key_ != 0 && current_.record.protection != PROT_EXEC) return unsupported(current_.record, "memory with a protection key:");
    // The number of a System V segment, which is shown as its inode, may be 0.
    if (current_.record.inode != 0 || current_.record.path.starts_with("anon_inode:") || current_.record.path.starts_with("/SYSV")) STASIS_TRY(classify_file(current_, arena_));
    if (!map_.mappings.add(current_)) return out_of_arena();
    return {};
  }

  Arena& arena_;
  AddressRange scratch_;
  MemoryMap map_;
  Mapping current_;
  bool device_memory_ = false;
  std::uint64_t key_ = 0;
};

}  // namespace

Result<MemoryMap> read_memory_map(Arena& arena, const AddressRange& scratch) noexcept { return Parser(arena, scratch).run(); }

}  // namespace stasis::hijack
