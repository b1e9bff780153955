// Writes images for tests: the same bytes as the library writes, from records that a test makes up.
//
// World: programs (tests).
#pragma once
#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/image/reader.hpp"

namespace stasis::image {

class ImageWriter {
 public:
  FileHeader header;
  ProcessRecord process;
  std::vector<ThreadRecord> threads;
  std::vector<MappingRecord> mappings;
  std::vector<DescriptorRecord> descriptors;
  std::vector<DescriptionRecord> descriptions;
  std::vector<SharedMemoryRecord> shared_memory;
  std::vector<ZombieRecord> zombies;

  // Content of memory at `address`, padded with zeros to whole pages.
  void add_memory(std::uint64_t address, std::string bytes) {
    bytes.resize((bytes.size() + kPage - 1) / kPage * kPage);
    page_runs_.push_back(store(address, bytes));
  }
  ContentRange add_content(const std::string& bytes) {
    content_runs_.push_back(store(0, bytes));
    return {static_cast<std::uint32_t>(content_runs_.size() - 1), 1, true};
  }

  void write(const std::string& path) {
    header.pid = process.pid;
    std::vector<SectionEntry> table;
    std::string sections;
    const auto add = [&](SectionId id, const std::string& bytes) {
      table.push_back({static_cast<std::uint32_t>(id), 1, sizeof header + data_.size() + sections.size(), bytes.size(), digest(bytes.data(), bytes.size())});
      sections += bytes;
    };
    add(SectionId::process, records(std::vector<ProcessRecord>{process}));
    add(SectionId::threads, records(threads));
    add(SectionId::mappings, records(mappings));
    add(SectionId::descriptors, records(descriptors));
    add(SectionId::descriptions, records(descriptions));
    add(SectionId::shared_memory, records(shared_memory));
    add(SectionId::zombies, records(zombies));
    add(SectionId::page_runs, std::string(reinterpret_cast<const char*>(page_runs_.data()), page_runs_.size() * sizeof(PageRun)));
    add(SectionId::content_runs, std::string(reinterpret_cast<const char*>(content_runs_.data()), content_runs_.size() * sizeof(PageRun)));
    const std::string table_bytes(reinterpret_cast<const char*>(table.data()), table.size() * sizeof(SectionEntry));
    Footer footer;
    footer.table_offset = sizeof header + data_.size() + sections.size();
    footer.table_count = static_cast<std::uint32_t>(table.size());
    footer.table_digest = digest(table_bytes.data(), table_bytes.size());
    footer.file_length = footer.table_offset + table_bytes.size() + sizeof footer;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&header), sizeof header);
    file << data_ << sections << table_bytes;
    file.write(reinterpret_cast<const char*>(&footer), sizeof footer);
  }

 private:
  PageRun store(std::uint64_t address, const std::string& bytes) {
    PageRun run;
    run.address = address, run.length = bytes.size(), run.stored_length = bytes.size(), run.offset = sizeof header + data_.size();
    run.digest = digest(bytes.data(), bytes.size());
    data_ += bytes;
    return run;
  }
  template <class Record>
  static std::string records(const std::vector<Record>& list) {
    std::string bytes;
    for (const Record& record : list) {
      const auto length = static_cast<std::uint32_t>(encoded_size(record));
      std::string encoded(length, '\0');
      Writer writer(encoded.data(), encoded.size());
      writer.record(record);
      bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
      bytes += encoded;
    }
    return bytes;
  }

  std::string data_;
  std::vector<PageRun> page_runs_, content_runs_;
};

}  // namespace stasis::image
