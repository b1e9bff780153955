// `stasis inspect`, see inspect.hpp. Both outputs come from one JSON value, so that they cannot differ.
// World: programs.
#include "cli/inspect.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/image_files.hpp"
#include "core/base/sentence.hpp"
#include "core/image/reader.hpp"

namespace stasis::cli {
namespace {

using Json = nlohmann::ordered_json;

// Text of the program may be anything; JSON must be UTF-8.
std::string readable(std::string_view text) {
  std::string clean;
  for (const char c : text) clean += c == '\0' ? ' ' : (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) ? '?' : c;
  while (!clean.empty() && clean.back() == ' ') clean.pop_back();
  return clean;
}

std::string hex(std::uint64_t number) { return std::string(FixedString<24>().append_number(number, 16).view()); }

const char* kind_name(image::MappingKind kind) {
  switch (kind) {
    case image::MappingKind::anonymous: return "anonymous";
    case image::MappingKind::file_private: return "private file";
    case image::MappingKind::file_shared: return "shared file";
    case image::MappingKind::shared_memory: return "shared memory";
  }
  return "unknown";
}

std::string protection(std::uint32_t bits) {
  return std::string(bits & PROT_READ ? "r" : "-") + (bits & PROT_WRITE ? "w" : "-") + (bits & PROT_EXEC ? "x" : "-");
}

Json process_of(const image::Image& image) {
  const image::ProcessRecord& process = image.process();
  const bool main_lives = std::any_of(image.threads().begin(), image.threads().end(), [&](const image::ThreadRecord& thread) { return thread.tid == process.pid; });
  return {{"pid", process.pid},          {"parent", process.parent},
          {"group", process.group},      {"session", process.session},
          {"user", process.user},        {"program", readable(process.program)},
          {"command", readable(process.command)}, {"directory", readable(process.directory)},
          {"host", readable(process.host)},       {"kernel", readable(process.kernel)},
          {"main_thread_ended", !main_lives},
          {"checkpoint_time_ns", process.checkpoint_realtime_ns}};
}

Json descriptors_of(const image::Image& image) {
  Json list = Json::array();
  for (const image::DescriptorRecord& descriptor : image.descriptors()) {
    Json entry{{"fd", descriptor.fd}, {"description", descriptor.description}, {"close_on_exec", descriptor.close_on_exec}};
    for (const image::DescriptionRecord& description : image.descriptions()) {
      if (description.id != descriptor.description) continue;
      constexpr const char* kAccess[] = {"read", "write", "read-write", "none"};
      entry["kind"] = image::name_of(description.kind);
      entry["path"] = readable(description.path);
      if (!description.removed_name.empty()) entry["removed_name"] = readable(description.removed_name);
      entry["access"] = kAccess[description.status_flags & O_ACCMODE];
      entry["offset"] = description.offset;
      entry["size"] = description.size;
      entry["deleted"] = description.deleted;
      entry["content_kept"] = description.content.present;
    }
    list.push_back(entry);
  }
  return list;
}

Json mappings_of(const image::Image& image) {
  Json list = Json::array();
  for (const image::MappingRecord& mapping : image.mappings()) {
    std::uint64_t stored = 0;
    for (const image::PageRun& run : image.page_runs())
      if (run.address >= mapping.start && run.address < mapping.end) stored += run.length;
    list.push_back({{"start", hex(mapping.start)}, {"end", hex(mapping.end)}, {"protection", protection(mapping.protection)}, {"kind", kind_name(mapping.kind)},
                    {"stored", stored}, {"path", readable(mapping.path)}});
  }
  return list;
}

Json describe_image(const image::Image& image) {
  Json all{{"image", image.path()}, {"format", image.header().version}, {"generation", image.header().generation},
           {"computation", readable(image.process().computation)}, {"bytes", image.footer().file_length}, {"digest", hex(image.footer().table_digest)}};
  all["process"] = process_of(image);
  Json threads = Json::array();
  for (const image::ThreadRecord& thread : image.threads()) threads.push_back({{"tid", thread.tid}, {"name", readable(thread.name)}, {"system_call", thread.system_call}});
  all["threads"] = threads;
  all["descriptors"] = descriptors_of(image);
  all["mappings"] = mappings_of(image);
  Json zombies = Json::array();
  for (const image::ZombieRecord& zombie : image.zombies()) zombies.push_back({{"pid", zombie.pid}, {"status", zombie.status}, {"name", readable(zombie.name)}});
  all["zombies"] = zombies;
  Json sections = Json::array();
  for (const image::SectionEntry& entry : image.sections())
    sections.push_back({{"name", std::string(image::section_name(entry.id))}, {"offset", entry.offset}, {"length", entry.length}, {"digest", hex(entry.digest)}});
  all["sections"] = sections;
  return all;
}

// "key value" lines; lists one line an entry.
void print(const Json& value, const std::string& indent) {
  for (const auto& [key, item] : value.items()) {
    if (item.is_array()) {
      std::printf("%s%s (%zu)\n", indent.c_str(), key.c_str(), item.size());
      for (const Json& entry : item) {
        std::string line;
        for (const auto& [name, field] : entry.items()) line += "  " + name + " " + (field.is_string() ? field.get<std::string>() : field.dump());
        std::printf("%s%s\n", indent.c_str(), line.c_str());
      }
    } else if (item.is_object()) {
      std::printf("%s%s\n", indent.c_str(), key.c_str());
      print(item, indent + "  ");
    } else {
      std::printf("%s%s %s\n", indent.c_str(), key.c_str(), item.is_string() ? item.get<std::string>().c_str() : item.dump().c_str());
    }
  }
}

Result<std::vector<std::string>> images_of(const std::string& target) {
  std::error_code failure;
  if (!std::filesystem::exists(target, failure)) return error(ErrorCode::no_store, target);
  if (!std::filesystem::is_directory(target, failure)) return std::vector<std::string>{target};
  STASIS_TRY_VALUE(const auto generations, generations_of(target));
  if (generations.empty()) return error(ErrorCode::no_generation, target);
  return generations.rbegin()->second;
}

Status inspect_all(const std::string& target, bool json) {
  STASIS_TRY_VALUE(const std::vector<std::string> paths, images_of(target));
  Json all = Json::array();
  for (const std::string& path : paths) {
    STASIS_TRY_VALUE(const image::Image image, image::Image::open(path));
    all.push_back(describe_image(image));
  }
  const bool single = !std::filesystem::is_directory(target);
  if (json) std::printf("%s\n", (single ? all.front() : all).dump(2).c_str());
  else
    for (const Json& one : all) print(one, "");
  return {};
}

}  // namespace

int inspect(const std::string& target, bool json) {
  const Status status = inspect_all(target, json);
  if (status.ok()) return 0;
  std::fprintf(stderr, "stasis inspect: %s\n", sentence_with_remedy(status.error()).c_str());
  return describe(status.error().code).exit_status;
}

}  // namespace stasis::cli
