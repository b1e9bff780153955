// Checks before a restart, see preflight.hpp.
// World: programs.
#include "restart_wrapper/preflight.hpp"

#include <cpuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "restart_wrapper/kinds/file_locks.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/namespace.hpp"

namespace stasis::restart {
namespace {

// XCR0: which register state the kernel has switched on (Intel SDM vol. 1, 13.3). A saved frame with more cannot be loaded here.
std::uint64_t enabled_cpu_state() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return 0x3;  // x87 and SSE
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low | (std::uint64_t{high} << 32);
}

Status check_machine(const Computation& computation, IdMode ids) {
  const std::uint64_t missing_mask = ~enabled_cpu_state();
  std::uint64_t needed = 0;
  for (const image::Image& image : computation.members) needed |= image.process().cpu_features;
  if ((needed & missing_mask) != 0)
    return error(ErrorCode::cpu_features, FixedString<320>("state components 0x").append_number(needed & missing_mask, 16));
  if (computation.ids.contains(1))
    for (const image::Image& image : computation.members)
      if (image.process().pid == 1) return error(ErrorCode::unsupported, "process 1 of a container: start it under an init");
  if (ids == IdMode::translated) return {};
  STASIS_TRY_VALUE(const long id_limit, check_namespace());
  if (id_limit != 0 && !computation.ids.empty() && *computation.ids.rbegin() >= id_limit)
    return error(ErrorCode::restore_failed, "the process id " + std::to_string(*computation.ids.rbegin()) + " is beyond kernel.pid_max " + std::to_string(id_limit));
  return {};
}

std::uint64_t mtime_ns(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
}

// Memory shared through a file that stays where it is.
Status check_shared_file(const std::string& path, std::uint64_t mapped_size) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT ? error(ErrorCode::file_missing, path) : system_error("stat " + path, -errno);
  if (static_cast<std::uint64_t>(status.st_size) < mapped_size) return error(ErrorCode::file_changed, path).with("it is shorter than when it was mapped");
  return {};
}

// Memory mapped from a file: private mappings hold only what was written, the rest is the file's, which must be the same then.
Status check_mapped_file(const image::MappingRecord& mapping) {
  const std::string path(mapping.path);
  if (mapping.kind == image::MappingKind::file_shared) return check_shared_file(path, mapping.file_size);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT ? error(ErrorCode::file_missing, path) : system_error("stat " + path, -errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode)) return {};  // /dev/zero
  if (size != mapping.file_size || mtime_ns(status) != mapping.file_mtime_ns) return error(ErrorCode::file_changed, path);
  return {};
}

// Files of which the image has a copy: they are brought back before anything is mapped.
std::set<std::string_view> kept_files(const Computation& computation) {
  std::set<std::string_view> paths;
  for (const auto& [id, description] : computation.descriptions)
    if (description.record.kind == image::DescriptionKind::regular_file && description.content != nullptr && !description.record.deleted) paths.insert(description.record.path);
  return paths;
}

Status check_process(const image::Image& image, const std::set<std::string_view>& kept, std::set<std::string_view>& seen) {
  const image::ProcessRecord& process = image.process();
  if (process.user != ::geteuid())
    return error(ErrorCode::rejected, "process " + std::to_string(process.pid) + " belongs to user " + std::to_string(process.user));
  for (const image::MappingRecord& mapping : image.mappings()) {
    if (mapping.kind != image::MappingKind::file_private && mapping.kind != image::MappingKind::file_shared) continue;
    const bool comes_back = mapping.kind == image::MappingKind::file_shared && kept.contains(mapping.path);
    if (seen.insert(mapping.path).second && !comes_back) STASIS_TRY(check_mapped_file(mapping));
  }
  const std::string directory(process.directory);
  struct stat status{};
  if (!process.directory_deleted && ::stat(directory.c_str(), &status) != 0)
    return errno == ENOENT ? error(ErrorCode::file_missing, directory).with("the working directory") : system_error("stat " + directory, -errno);
  return {};
}

}  // namespace

Status preflight(const Computation& computation, IdMode ids) {
  STASIS_TRY(check_machine(computation, ids));
  const std::set<std::string_view> kept = kept_files(computation);
  std::set<std::string_view> seen;
  for (const image::Image& image : computation.members) STASIS_TRY(check_process(image, kept, seen));
  for (const auto& [id, memory] : computation.shared_memory)
    if (!memory.record.other_name.empty()) STASIS_TRY(check_shared_file(std::string(memory.record.other_name), memory.record.size));
  for (const Kind& kind : kinds()) {
    std::vector<const Description*> all;
    for (const auto& [id, description] : computation.descriptions)
      if (description.record.kind == kind.kind) all.push_back(&description);
    if (kind.check != nullptr && !all.empty()) STASIS_TRY(kind.check(computation, all));
  }
  for (const auto& [id, description] : computation.descriptions) {
    bool known = false;
    for (const Kind& kind : kinds()) known |= kind.kind == description.record.kind;
    if (!known) return error(ErrorCode::image_version, "a kind of descriptor that this version does not know: " + label(description));
  }
  return check_locks(computation);
}

}  // namespace stasis::restart
