// Images of tests/program.c: its segments, a stack, and the output file as descriptor 5.
//
// World: programs (tests).
#pragma once
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "core/image/handoff.hpp"
#include "restart_wrapper/tests/image_writer.hpp"

namespace stasis::restart {

inline constexpr std::uint64_t kSetup = 0x10010000, kStack = 0x10020000, kShared = 0x30000000;

// struct setup of program.c
struct Script {
  image::Handoff handoff;
  std::uint64_t shared = 0;
  std::int32_t read_fd = -1;
  std::int32_t waits = 0;
  std::int32_t status = 0;
  std::int32_t says_started = 0;
  std::uint64_t clock = 0;
};

inline std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void add_segments(image::ImageWriter& writer, const Script& setup) {
  const std::string elf = content(STASIS_TEST_PROGRAM);
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof header);
  writer.process.entry = header.e_entry;
  for (unsigned i = 0; i != header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, elf.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type != PT_LOAD) continue;
    image::MappingRecord mapping;
    mapping.start = segment.p_vaddr & ~(image::kPage - 1);
    mapping.end = (segment.p_vaddr + segment.p_memsz + image::kPage - 1) & ~(image::kPage - 1);
    mapping.protection = (segment.p_flags & PF_R ? PROT_READ : 0) | (segment.p_flags & PF_W ? PROT_WRITE : 0) | (segment.p_flags & PF_X ? PROT_EXEC : 0);
    std::string bytes(segment.p_vaddr - mapping.start, '\0');
    bytes += elf.substr(segment.p_offset, segment.p_filesz);
    if (mapping.start == kSetup) std::memcpy(bytes.data(), &setup, sizeof setup);
    writer.mappings.push_back(mapping);
    if (!bytes.empty()) writer.add_memory(mapping.start, bytes);
  }
}

// `output` is a file of five bytes that is open for appending.
inline void make_program_image(image::ImageWriter& writer, int pid, int parent, int group, int session, const Script& setup, const std::string& directory, const std::string& output) {
  image::ProcessRecord& process = writer.process;
  process.pid = pid, process.parent = parent, process.group = group, process.session = session;
  process.user = ::geteuid();
  process.computation = "0123456789abcdef";
  writer.header.generation = 7;
  process.program = "/bin/true", process.name = "restored", process.directory = directory;
  process.entry_stack = kStack + 0x2000, process.handoff = kSetup;
  process.start_code = 0x10000000, process.end_code = 0x10000100;
  process.start_data = kSetup, process.end_data = kSetup + 0x100;
  process.start_brk = process.brk = 0x20000000, process.start_stack = kStack + 0x1f00;
  process.argument_start = process.argument_end = process.environment_start = process.environment_end = kStack + 0x1f00;
  writer.threads.push_back({pid, "restored", -1});
  add_segments(writer, setup);
  image::MappingRecord stack;
  stack.start = kStack, stack.end = kStack + 0x2000, stack.protection = PROT_READ | PROT_WRITE;
  writer.mappings.push_back(stack);
  image::DescriptionRecord file;
  file.id = 1, file.status_flags = O_WRONLY | O_APPEND, file.offset = 5, file.size = 5, file.inode = 77, file.path = output;
  writer.descriptions = {file};
  writer.descriptors = {{5, false, 1}};
  std::sort(writer.mappings.begin(), writer.mappings.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
}

}  // namespace stasis::restart
