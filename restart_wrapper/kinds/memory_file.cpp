// Memory files (memfd_create(2)): made anew with their name, length and content, and sealed when all content is there.
//
// World: programs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/image/states/memory_file.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

// "/memfd:name" as /proc shows it -> "name".
std::string memory_file_name(std::string_view path) {
  constexpr std::string_view kPrefix = "/memfd:";
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  if (path.ends_with(" (deleted)")) path.remove_suffix(std::string_view(" (deleted)").size());
  return std::string(path);
}

namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const auto& group : by_object(all)) {
    const auto holder = std::find_if(group.begin(), group.end(), [](const Description* one) { return one->content != nullptr; });
    const Description& source = holder == group.end() ? *group.front() : **holder;
    UniqueFd file(::memfd_create(memory_file_name(source.record.path).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return system_error("create a memory file", -errno);
    if (::ftruncate(file.get(), static_cast<off_t>(source.record.size)) != 0) return system_error("lengthen a memory file", -errno);
    STASIS_TRY(write_content(source, file.get()));
    if (::fchmod(file.get(), source.record.mode & 07777) != 0) return system_error("set the mode of a memory file", -errno);
    for (const Description* one : group) {
      STASIS_TRY_VALUE(const int again, open_again(file.get(), open_flags(one->record)));
      if (::lseek(again, static_cast<off_t>(one->record.offset), SEEK_SET) < 0) return system_error("seek in a memory file", -errno);
      STASIS_TRY(workshop.put(one->record.id, again));
    }
  }
  return {};
}

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    if (one->record.state.empty()) continue;
    STASIS_TRY_VALUE(const image::MemoryFile state, state_of<image::MemoryFile>(*one));
    STASIS_TRY_VALUE(const int again, open_again(workshop.fds.at(one->record.id), O_RDWR));  // sealing takes a descriptor for writing
    const UniqueFd fd(again);
    if (state.seals != 0 && ::fcntl(fd.get(), F_ADD_SEALS, state.seals) != 0 && errno != EPERM) return system_error("seal a memory file", -errno);  // EPERM: by way of another description
  }
  return {};
}

}  // namespace

const Kind kinds_detail::memory_file{image::DescriptionKind::memory_file, nullptr, recreate, complete};

}  // namespace stasis::restart
