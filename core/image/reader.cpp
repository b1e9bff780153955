// Reading an image, see reader.hpp. The order of checks is the order in which damage is told best: what is no image at all, what
// another version wrote, what was cut off, and only then what was altered.
// World: programs.
#include "core/image/reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace stasis::image {

std::uint64_t digest(const void* bytes, std::size_t count) noexcept { return XXH3_64bits(bytes, count); }

std::string_view section_name(std::uint32_t id) noexcept {
  switch (static_cast<SectionId>(id)) {
    case SectionId::process: return "process";
    case SectionId::threads: return "threads";
    case SectionId::mappings: return "mappings";
    case SectionId::page_runs: return "page_runs";
    case SectionId::descriptors: return "descriptors";
    case SectionId::descriptions: return "descriptions";
    case SectionId::shared_memory: return "shared_memory";
    case SectionId::zombies: return "zombies";
    case SectionId::system_v: return "system_v";
    case SectionId::undos: return "undos";
    case SectionId::content_runs: return "content_runs";
  }
  return "unknown";
}

struct Image::State {
  std::string path;
  int fd = -1;
  std::uint64_t size = 0;
  FileHeader header;
  Footer footer;
  std::vector<SectionEntry> table;
  std::vector<std::string> bytes;  // of each section, in the table's order
  ProcessRecord process;
  std::vector<ThreadRecord> threads;
  std::vector<MappingRecord> mappings;
  std::vector<DescriptorRecord> descriptors;
  std::vector<DescriptionRecord> descriptions;
  std::vector<SharedMemoryRecord> shared_memory;
  std::vector<ZombieRecord> zombies;
  std::vector<SystemVRecord> system_v;
  std::vector<SemaphoreUndoRecord> undos;
  std::vector<PageRun> page_runs;
  std::vector<PageRun> content_runs;

  ~State() {
    if (fd >= 0) ::close(fd);
  }
  Error damaged(std::string_view what) const { return error(ErrorCode::image_damaged, path).with(what); }
  Error failed(std::string_view call) const { return system_error(std::string(call) + " " + path, -errno); }

  // Fills `target` from `offset`; what is beyond the end of the file is damage, for the length was checked before.
  Status read_at(void* target, std::size_t count, std::uint64_t offset) const {
    auto* cursor = static_cast<char*>(target);
    while (count != 0) {
      const ssize_t got = ::pread(fd, cursor, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read");
      if (got == 0) return error(ErrorCode::image_truncated, path).with("the file became shorter while it was read");
      cursor += got;
      count -= static_cast<std::size_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
    return {};
  }

  Status read_frame();
  Status read_sections();
  Status decode(const SectionEntry& entry, const std::string& section);
  Status check_runs(const std::vector<PageRun>& runs, bool memory) const;
  Status check_ranges() const;

  template <class Record>
  Status decode_records(const SectionEntry& entry, const std::string& section, std::vector<Record>& records) const {
    std::string_view rest = section;
    while (!rest.empty()) {
      std::uint32_t length = 0;
      if (rest.size() < sizeof length) return malformed(entry);
      std::memcpy(&length, rest.data(), sizeof length);
      rest.remove_prefix(sizeof length);
      if (rest.size() < length) return malformed(entry);
      Reader reader(rest.substr(0, length));
      Record record;
      reader.record(record);
      if (!reader.ok()) return malformed(entry);
      records.push_back(record);
      rest.remove_prefix(length);
    }
    return {};
  }
  Status decode_runs(const SectionEntry& entry, const std::string& section, std::vector<PageRun>& runs) const {
    if (section.size() % sizeof(PageRun) != 0) return malformed(entry);
    runs.resize(section.size() / sizeof(PageRun));
    if (!section.empty()) std::memcpy(runs.data(), section.data(), section.size());
    return {};
  }
  Error malformed(const SectionEntry& entry) const {
    return damaged("the section " + std::string(section_name(entry.id)) + " is malformed");
  }
};

// Header, footer and section table.
Status Image::State::read_frame() {
  if (size < sizeof header) return error(ErrorCode::not_an_image, path);
  STASIS_TRY(read_at(&header, sizeof header, 0));
  if (header.magic != kMagic) return error(ErrorCode::not_an_image, path);
  if (header.version != kFormatVersion) return error(ErrorCode::image_version, path).with("format " + std::to_string(header.version));
  if (header.page_size != kPage) return damaged("the page size is " + std::to_string(header.page_size));
  if (size < sizeof header + sizeof footer) return error(ErrorCode::image_truncated, path);
  STASIS_TRY(read_at(&footer, sizeof footer, size - sizeof footer));
  if (footer.magic != kFooterMagic || footer.file_length != size) return error(ErrorCode::image_truncated, path);
  if (footer.version != kFormatVersion) return error(ErrorCode::image_version, path).with("format " + std::to_string(footer.version));
  const std::uint64_t table_bytes = std::uint64_t{footer.table_count} * sizeof(SectionEntry);
  if (footer.table_offset > size - sizeof footer || table_bytes > size - sizeof footer - footer.table_offset)
    return damaged("the section table lies outside the file");
  table.resize(footer.table_count);
  if (table_bytes != 0) STASIS_TRY(read_at(table.data(), table_bytes, footer.table_offset));
  if (digest(table.data(), table_bytes) != footer.table_digest) return damaged("the digest of the section table does not match");
  return {};
}

Status Image::State::read_sections() {
  for (const SectionEntry& entry : table) {
    const std::string name(section_name(entry.id));
    if (entry.offset > size || entry.length > size - entry.offset) return damaged("the section " + name + " lies outside the file");
    std::string section(entry.length, '\0');
    STASIS_TRY(read_at(section.data(), section.size(), entry.offset));
    if (digest(section.data(), section.size()) != entry.digest) return damaged("the digest of the section " + name + " does not match");
    bytes.push_back(std::move(section));
  }
  bool has_process = false;
  for (std::size_t i = 0; i != table.size(); ++i) {
    STASIS_TRY(decode(table[i], bytes[i]));
    has_process |= table[i].id == static_cast<std::uint32_t>(SectionId::process);
  }
  if (!has_process) return damaged("there is no section process");
  if (process.pid != header.pid) return damaged("the header names another process than the section process");
  STASIS_TRY(check_runs(page_runs, true));
  STASIS_TRY(check_runs(content_runs, false));
  return check_ranges();
}

Status Image::State::decode(const SectionEntry& entry, const std::string& section) {
  switch (static_cast<SectionId>(entry.id)) {
    case SectionId::process: {
      std::vector<ProcessRecord> records;
      STASIS_TRY(decode_records(entry, section, records));
      if (records.size() != 1) return malformed(entry);
      process = records.front();
      return {};
    }
    case SectionId::threads: return decode_records(entry, section, threads);
    case SectionId::mappings: return decode_records(entry, section, mappings);
    case SectionId::descriptors: return decode_records(entry, section, descriptors);
    case SectionId::descriptions: return decode_records(entry, section, descriptions);
    case SectionId::shared_memory: return decode_records(entry, section, shared_memory);
    case SectionId::zombies: return decode_records(entry, section, zombies);
    case SectionId::system_v: return decode_records(entry, section, system_v);
    case SectionId::undos: return decode_records(entry, section, undos);
    case SectionId::page_runs: return decode_runs(entry, section, page_runs);
    case SectionId::content_runs: return decode_runs(entry, section, content_runs);
  }
  return {};  // of a newer writer who keeps the format version: not needed to restore
}

// The restorer trusts runs; a run that leads outside the file or the address space must not reach it.
Status Image::State::check_runs(const std::vector<PageRun>& runs, bool memory) const {
  for (const PageRun& run : runs) {
    if (run.encoding != RunEncoding::raw || run.base != 0)
      return error(ErrorCode::image_version, path).with("a page run is encoded in a way that this version does not know");
    if (run.offset > size || run.stored_length > size - run.offset || run.length != run.stored_length || run.length > kLargestRun)
      return damaged("a page run lies outside the file");
    if (memory && (run.address % kPage != 0 || run.length % kPage != 0)) return damaged("a page run is not aligned");
  }
  return {};
}

Status Image::State::check_ranges() const {
  const auto fits = [&](const ContentRange& range) {
    return !range.present || (range.first <= content_runs.size() && range.count <= content_runs.size() - range.first);
  };
  for (const auto& description : descriptions)
    if (!fits(description.content)) return damaged("the content of a description lies outside the section content_runs");
  for (const auto& memory : shared_memory)
    if (!fits(memory.content)) return damaged("the content of a shared memory object lies outside the section content_runs");
  return {};
}

Image::Image() noexcept = default;
Image::Image(Image&&) noexcept = default;
Image& Image::operator=(Image&&) noexcept = default;
Image::~Image() = default;

Result<Image> Image::open(const std::string& path) {
  Image image;
  image.state_ = std::make_unique<State>();
  State& state = *image.state_;
  state.path = path;
  state.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state.fd < 0 && errno == ENOENT) return error(ErrorCode::image_damaged, path).with("it is not there");
  if (state.fd < 0) return state.failed("open");
  struct stat status{};
  if (::fstat(state.fd, &status) != 0) return state.failed("stat");
  if (!S_ISREG(status.st_mode)) return error(ErrorCode::not_an_image, path);
  state.size = static_cast<std::uint64_t>(status.st_size);
  STASIS_TRY(state.read_frame());
  STASIS_TRY(state.read_sections());
  return image;
}

const std::string& Image::path() const noexcept { return state_->path; }
int Image::fd() const noexcept { return state_->fd; }
const FileHeader& Image::header() const noexcept { return state_->header; }
const Footer& Image::footer() const noexcept { return state_->footer; }
std::span<const SectionEntry> Image::sections() const noexcept { return state_->table; }
const ProcessRecord& Image::process() const noexcept { return state_->process; }
const std::vector<ThreadRecord>& Image::threads() const noexcept { return state_->threads; }
const std::vector<MappingRecord>& Image::mappings() const noexcept { return state_->mappings; }
const std::vector<DescriptorRecord>& Image::descriptors() const noexcept { return state_->descriptors; }
const std::vector<DescriptionRecord>& Image::descriptions() const noexcept { return state_->descriptions; }
const std::vector<SharedMemoryRecord>& Image::shared_memory() const noexcept { return state_->shared_memory; }
const std::vector<ZombieRecord>& Image::zombies() const noexcept { return state_->zombies; }
const std::vector<SystemVRecord>& Image::system_v() const noexcept { return state_->system_v; }
const std::vector<SemaphoreUndoRecord>& Image::undos() const noexcept { return state_->undos; }
std::span<const PageRun> Image::page_runs() const noexcept { return state_->page_runs; }
std::span<const PageRun> Image::content_runs() const noexcept { return state_->content_runs; }

std::span<const PageRun> Image::runs_of(const ContentRange& range) const noexcept {
  if (!range.present) return {};
  return content_runs().subspan(range.first, range.count);
}

namespace {
Status check_run(const std::string& path, const PageRun& run, const std::string& bytes, const char* section) {
  if (digest(bytes.data(), bytes.size()) == run.digest) return {};
  FixedString<320> where("the digest of a run of ");
  where.append(section).append(" at byte ").append_number(run.offset).append(" does not match");
  return error(ErrorCode::image_damaged, path).with(where);
}
}  // namespace

Status Image::read_content(const ContentRange& range,
                           const std::function<Status(std::uint64_t, std::string_view)>& sink) const {
  std::string buffer;
  for (const PageRun& run : runs_of(range)) {
    buffer.resize(run.stored_length);
    STASIS_TRY(state_->read_at(buffer.data(), buffer.size(), run.offset));
    STASIS_TRY(check_run(path(), run, buffer, "content_runs"));
    STASIS_TRY(sink(run.address, buffer));
  }
  return {};
}

Status Image::verify_data() const {
  std::string buffer;
  const auto check_all = [&](std::span<const PageRun> runs, const char* section) -> Status {
    for (const PageRun& run : runs) {
      buffer.resize(run.stored_length);
      STASIS_TRY(state_->read_at(buffer.data(), buffer.size(), run.offset));
      STASIS_TRY(check_run(path(), run, buffer, section));
    }
    return {};
  };
  STASIS_TRY(check_all(page_runs(), "page_runs"));
  return check_all(content_runs(), "content_runs");
}

}  // namespace stasis::image
