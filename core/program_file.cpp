// See program_file.hpp. ELF: elf(5); what matters is the machine and a PT_INTERP header, for only the dynamic linker preloads.
// World: programs.
#include "core/program_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace stasis {
namespace {

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Status check_elf(const std::string& path, int fd) {
  Elf64_Ehdr header{};
  const ssize_t got = ::pread(fd, &header, sizeof header, 0);
  if (got < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};  // a script without "#!", or what else the kernel may know
  if (got != sizeof header) return error(ErrorCode::foreign_program, path);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) return error(ErrorCode::foreign_program, path);
  for (unsigned i = 0; i != header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (::pread(fd, &segment, sizeof segment, static_cast<off_t>(header.e_phoff + i * sizeof segment)) != sizeof segment) break;
    if (segment.p_type == PT_INTERP) return {};
  }
  return error(ErrorCode::static_program, path);
}

}  // namespace

Result<std::string> find_program(const std::string& command) {
  if (command.find('/') != std::string::npos) {
    if (is_program(command)) return command;
    return ::access(command.c_str(), F_OK) == 0 ? error(ErrorCode::exec_failed, command) : error(ErrorCode::exec_missing, command);
  }
  const char* list = std::getenv("PATH");
  std::string rest = list != nullptr ? list : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t start = 0; start <= rest.size();) {
    const std::size_t end = std::min(rest.find(':', start), rest.size());
    const std::string directory = end == start ? "." : rest.substr(start, end - start);
    if (is_program(directory + "/" + command)) return directory + "/" + command;
    start = end + 1;
  }
  return error(ErrorCode::exec_missing, command);
}

Status check_program(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  const bool changes_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != ::geteuid();
  const bool changes_group = (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 && status.st_gid != ::getegid();
  if (changes_user || changes_group) return error(ErrorCode::setuid_program, path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};  // may be run and not read
  char start[256] = {};
  const ssize_t got = ::pread(fd, start, sizeof start - 1, 0);
  Status judged;
  if (got > 2 && start[0] == '#' && start[1] == '!') {
    const char* interpreter = start + 2 + std::strspn(start + 2, " \t");
    const std::string name(interpreter, std::strcspn(interpreter, " \t\n"));
    if (!name.empty() && name != path) judged = check_program(name);
  } else {
    judged = check_elf(path, fd);
  }
  ::close(fd);
  return judged;
}

}  // namespace stasis
