// Memory that processes share, see shared_memory.hpp.
// World: programs.
#include "restart_wrapper/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/image/states/memory_file.hpp"
#include "restart_wrapper/other_name.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

std::string memory_file_name(std::string_view path);

Status fill_mapping(const SharedMemory& memory, char* base, std::uint64_t length) {
  for (const SharedMemory::Part& part : memory.parts)
    STASIS_TRY(part.image->read_content(part.content, [&](std::uint64_t offset, std::string_view bytes) -> Status {
      if (offset > length || bytes.size() > length - offset) return error(ErrorCode::image_damaged, part.image->path()).with("content beyond the end of shared memory");
      std::memcpy(base + offset, bytes.data(), bytes.size());
      return {};
    }));
  return {};
}

namespace {

// Whether its writable mappings can only be had from one that was made before it is sealed.
bool is_sealed_for_future(const Computation& computation, const SharedMemory& memory) {
  for (const auto& [id, description] : computation.descriptions) {
    const image::DescriptionRecord& record = description.record;
    if (record.kind != image::DescriptionKind::memory_file || record.device != memory.record.device || record.inode != memory.record.inode || record.state.empty()) continue;
    const Result<image::MemoryFile> state = state_of<image::MemoryFile>(description);
    if (state.ok()) return (state->seals & F_SEAL_FUTURE_WRITE) != 0 && (state->seals & F_SEAL_WRITE) == 0;
  }
  return false;
}

// The end of what any process has mapped of it.
std::uint64_t reach_of(const Computation& computation, const SharedMemory& memory) {
  std::uint64_t reach = memory.record.size;
  for (const image::Image& image : computation.members)
    for (const image::MappingRecord& mapping : image.mappings())
      if (mapping.kind == image::MappingKind::shared_memory && mapping.object == memory.record.id) reach = std::max(reach, mapping.offset + (mapping.end - mapping.start));
  return reach;
}

Status map_before_seal(Site& site, const SharedMemory& memory, int description, std::uint64_t& cursor) {
  STASIS_TRY_VALUE(int fd, open_again(description, O_RDWR));
  STASIS_TRY_VALUE(fd, site.numbers.move(fd));
  const std::uint64_t length = reach_of(*site.computation, memory);
  if (::mmap(reinterpret_cast<void*>(cursor), length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED) return system_error("map a memory file before it is sealed", -errno);
  site.shared_memory[memory.record.id] = {cursor, fd};
  cursor += round_up_shared(length);
  return {};
}

Status recreate_anonymous(Site& site, const SharedMemory& memory, std::uint64_t& cursor) {
  const std::uint64_t length = (memory.record.size + image::kPage - 1) / image::kPage * image::kPage;
  void* base = ::mmap(reinterpret_cast<void*>(cursor), length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (base == MAP_FAILED) return system_error("make shared memory", -errno);
  STASIS_TRY(fill_mapping(memory, static_cast<char*>(base), length));
  site.shared_memory[memory.record.id] = {cursor, -1};
  cursor += round_up_shared(length);
  return {};
}

Status fill_file(const SharedMemory& memory, int fd) {
  if (memory.record.size == 0) return {};
  const std::uint64_t length = (memory.record.size + image::kPage - 1) / image::kPage * image::kPage;  // content is kept in whole pages
  void* base = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return system_error("map a file for shared memory", -errno);
  const Status filled = fill_mapping(memory, static_cast<char*>(base), length);
  ::munmap(base, length);
  return filled;
}

// POSIX shared memory under its name: the file that is there, whatever it holds now, or a new one.
Status recreate_named(Site& site, const SharedMemory& memory) {
  const std::string path(memory.record.path);
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return system_error("open " + path, -errno);
  if (static_cast<std::uint64_t>(status.st_size) < memory.record.size && ::ftruncate(file.get(), static_cast<off_t>(memory.record.size)) != 0) return system_error("lengthen " + path, -errno);
  if (status.st_mode != memory.record.mode && ::fchmod(file.get(), memory.record.mode & 07777) != 0) return system_error("set the mode of " + path, -errno);
  STASIS_TRY(fill_file(memory, file.get()));
  STASIS_TRY_VALUE(const int fd, site.numbers.move(file.release()));
  site.shared_memory[memory.record.id] = {0, fd};
  return {};
}

Status recreate_file(Site& site, const SharedMemory& memory, std::uint64_t& cursor) {
  if (memory.record.mode != 0) return recreate_named(site, memory);
  for (const auto& [id, description] : site.computation->descriptions) {
    const image::DescriptionRecord& record = description.record;
    if (record.device != memory.record.device || record.inode != memory.record.inode || !site.fds.contains(id)) continue;
    if (is_sealed_for_future(*site.computation, memory)) return map_before_seal(site, memory, site.fds[id], cursor);
    site.shared_memory[memory.record.id] = {0, site.fds[id]};
    return {};
  }
  if (!memory.record.other_name.empty()) {
    const std::string name(memory.record.other_name), removed(memory.record.path.substr(0, memory.record.path.rfind(" (deleted)")));
    UniqueFd file(open_by_other_name(name, removed, O_RDWR | O_CLOEXEC));
    if (!file) file.reset(open_by_other_name(name, removed, O_RDONLY | O_CLOEXEC));
    if (!file) return system_error("open " + name, -errno);
    STASIS_TRY_VALUE(const int fd, site.numbers.move(file.release()));
    site.shared_memory[memory.record.id] = {0, fd};
    return {};
  }
  // Nobody has it open: a memory file serves for a deleted file too, for only its content can be seen.
  UniqueFd file(::memfd_create(memory_file_name(memory.record.path).c_str(), MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(memory.record.size)) != 0) return system_error("make a file for shared memory", -errno);
  STASIS_TRY(fill_file(memory, file.get()));
  STASIS_TRY_VALUE(const int fd, site.numbers.move(file.release()));
  site.shared_memory[memory.record.id] = {0, fd};
  return {};
}

}  // namespace

Status recreate_shared_memory(Site& site, std::uint64_t cursor) {
  for (const auto& [id, memory] : site.computation->shared_memory)
    if (memory.record.device != image::kSystemVDevice) STASIS_TRY(memory.record.anonymous ? recreate_anonymous(site, memory, cursor) : recreate_file(site, memory, cursor));
  return {};
}

std::uint64_t place_of(const Computation& computation, const SharedMemory& memory) {
  if (memory.record.anonymous || memory.record.device == image::kSystemVDevice) return round_up_shared(memory.record.size);
  return is_sealed_for_future(computation, memory) ? round_up_shared(reach_of(computation, memory)) : 0;
}

void release_shared_memory(const Site& site) {
  if (site.shared.length() != 0) ::munmap(reinterpret_cast<void*>(site.shared.start), site.shared.length());
}

}  // namespace stasis::restart
