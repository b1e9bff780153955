// Files changed in place, see changed_file.hpp.
// World: programs.
#include "restart_wrapper/kinds/changed_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/image/file_fingerprint.hpp"
#include "core/image/states/regular_file.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr std::size_t kPiece = 1u << 20;

bool read_at(int fd, std::uint64_t offset, char* buffer, std::size_t length) {
  while (length != 0) {
    const ssize_t got = ::pread(fd, buffer, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    buffer += got, offset += static_cast<std::uint64_t>(got), length -= static_cast<std::size_t>(got);
  }
  return true;
}

// Whether [from, to) is zero: what no piece of the copy covers.
bool is_zero(int fd, std::uint64_t from, std::uint64_t to) {
  std::string buffer(kPiece, '\0');
  for (; from < to; from += kPiece) {
    const std::size_t length = std::min<std::uint64_t>(kPiece, to - from);
    if (!read_at(fd, from, buffer.data(), length) || buffer.find_first_not_of('\0') < length) return false;
  }
  return true;
}

Result<bool> differs_from_copy(const Description& description, int fd) {
  std::uint64_t at = 0;
  bool same = true;
  std::string buffer;
  STASIS_TRY(description.content->read_content(description.record.content, [&](std::uint64_t offset, std::string_view bytes) -> Status {
    buffer.resize(bytes.size());
    same = same && is_zero(fd, at, offset) && read_at(fd, offset, buffer.data(), buffer.size()) && buffer == bytes;
    at = offset + bytes.size();
    return {};
  }));
  return !(same && is_zero(fd, at, description.record.size));
}

}  // namespace

Result<bool> is_changed(const Description& description) {
  const UniqueFd fd(::open(label(description).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;  // who opens it will say why
  if (has_copy(description)) return differs_from_copy(description, fd.get());
  if (description.record.state.empty()) return false;
  STASIS_TRY_VALUE(const image::RegularFile state, state_of<image::RegularFile>(description));
  std::uint64_t now = 0;
  if (!state.has_fingerprint) return false;
  return !image::fingerprint(description.record.size, now, [&](std::uint64_t offset, char* buffer, std::size_t length) { return read_at(fd.get(), offset, buffer, length); }) ||
         now != state.fingerprint;
}

Status keep_in(const std::string& directory, std::uint64_t inode, const std::string& path, std::uint64_t from) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  const std::string kept = directory + "/" + std::to_string(inode) + "-" + std::filesystem::path(path).filename().string();
  const UniqueFd source(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) return {};  // a file that may be written and not read cannot be kept
  const UniqueFd target(::open(kept.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!target) return system_error("create " + kept, -errno);
  std::string buffer(kPiece, '\0');
  for (std::uint64_t at = from;;) {
    const ssize_t got = ::pread(source.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0) return system_error("read " + path, -errno);
    if (got == 0) return {};
    if (::write(target.get(), buffer.data(), static_cast<std::size_t>(got)) != got) return system_error("write " + kept, -errno);
    at += static_cast<std::uint64_t>(got);
  }
}

Status write_back(const Description& copy, const std::string& directory) {
  const std::string path = label(copy);
  STASIS_TRY(keep_in(directory, copy.record.inode, path, 0));
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return system_error("open " + path, -errno);
  if (::ftruncate(fd.get(), 0) != 0 || ::ftruncate(fd.get(), static_cast<off_t>(copy.record.size)) != 0) return system_error("shorten " + path, -errno);
  STASIS_TRY(write_content(copy, fd.get()));
  return ::fsync(fd.get()) == 0 ? Status() : system_error("write " + path, -errno);
}

Status put_journals_away(const std::string& path, const std::set<std::string>& paths, const std::string& directory) {
  constexpr std::string_view kHeader("SQLite format 3", 16);  // with its NUL: https://www.sqlite.org/fileformat.html
  char header[kHeader.size()] = {};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || !read_at(fd.get(), 0, header, sizeof header) || std::string_view(header, sizeof header) != kHeader) return {};
  for (const char* suffix : {"-journal", "-wal", "-shm"}) {
    const std::string beside = path + suffix;
    struct stat status{};
    if (paths.contains(beside) || ::lstat(beside.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    STASIS_TRY(keep_in(directory, status.st_ino, beside, 0));
    if (::unlink(beside.c_str()) != 0) return system_error("put " + beside + " away", -errno);
  }
  return {};
}

}  // namespace stasis::restart
