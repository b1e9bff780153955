// The table of an attempt, see ids.hpp.
// World: programs.
#include "restart_wrapper/ids.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "core/environment.hpp"
#include "restart_wrapper/members.hpp"
#include "restart_wrapper/namespace.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

std::uint64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

Result<IdMode> choose_ids() {
  const char* text = ::getenv(environment::kIds);
  const std::string wanted = text == nullptr || *text == '\0' ? "auto" : text;
  if (wanted == "virtual") return IdMode::translated;
  if (wanted != "auto" && wanted != "namespace") return error(ErrorCode::usage, std::string(environment::kIds) + "=" + wanted).with("it is auto, namespace or virtual");
  if (const Result<long> possible = check_namespace(); !possible.ok()) {
    if (wanted == "namespace") return possible.error();
    return IdMode::translated;
  }
  return IdMode::in_namespace;
}

Status Ids::make_table(const std::string& run_directory) {
  STASIS_TRY_VALUE(const Members members, Members::map(run_directory));
  const std::string path = run_directory + "/" + run_directory::kIds;
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  if (!file) return system_error("open " + path, -errno);
  if (::ftruncate(file.get(), static_cast<off_t>(kIdTableBytes)) != 0) return system_error("make " + path, -errno);
  void* const ids = ::mmap(nullptr, kIdTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (ids == MAP_FAILED) return system_error("map " + path, -errno);
  members.table().make_ids_virtual();
  table_ = IdTable(ids);
  return {};
}

int Ids::programs(int id) const {
  const int known = table_.programs(id);
  return known == 0 ? id : known;
}

void Ids::enter(int program, int kernel) const {
  if (table_.is_mapped()) table_.enter(program, kernel, now_ms());
}

void Ids::lend(int program, int kernel) const {
  if (table_.is_mapped()) table_.lend(program, kernel, now_ms());
}

void Ids::forget(int kernel) const {
  if (table_.is_mapped() && ::kill(-kernel, 0) != 0 && errno == ESRCH) table_.drop(kernel);
}

}  // namespace stasis::restart
