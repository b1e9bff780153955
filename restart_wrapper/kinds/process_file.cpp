// Files and directories below /proc/PID, opened by their names when the processes exist.
//
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) STASIS_TRY(workshop.put_later(one->record.id));
  return {};
}

// The name by the kernel's ids.
std::string name_here(const Workshop& workshop, std::string path) {
  for (const std::string start : {"/proc/", "/task/"}) {
    const std::size_t at = path.find(start);
    const std::size_t number = at == std::string::npos ? at : at + start.size();
    const std::size_t end = number == std::string::npos ? number : std::min(path.find_first_not_of("0123456789", number), path.size());
    if (number == end || number == std::string::npos) continue;
    path.replace(number, end - number, std::to_string(workshop.ids->kernels(std::stoi(path.substr(number, end - number)))));
  }
  return path;
}

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const UniqueFd fd(::open(name_here(workshop, label(*one)).c_str(), open_flags(one->record)));
    if (!fd) return system_error("open " + label(*one), -errno);
    if (one->record.offset != 0 && ::lseek(fd.get(), static_cast<off_t>(one->record.offset), SEEK_SET) < 0) return system_error("seek in " + label(*one), -errno);
    if (::dup3(fd.get(), workshop.late.at(one->record.id), O_CLOEXEC) < 0) return system_error("keep " + label(*one), -errno);
  }
  return {};
}

}  // namespace

const Kind kinds_detail::process_file{image::DescriptionKind::process_file, nullptr, recreate, complete};

}  // namespace stasis::restart
