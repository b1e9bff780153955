// Recording this process, see record.hpp.
// World: hijack, leader.
#include "hijack/engine/record.hpp"

#include <sys/rseq.h>
#include <sys/shm.h>

#include "hijack/engine/area_state.hpp"
#include "hijack/engine/io_contexts.hpp"
#include "hijack/engine/mapped_files.hpp"
#include "hijack/engine/memory_writer.hpp"
#include "hijack/engine/process_record.hpp"
#include "hijack/engine/queue_registrations.hpp"
#include "hijack/engine/rings.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/semaphore_undo.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/system_v.hpp"
#include "hijack/rt/log.hpp"
#include "hijack/virt/system_v_numbers.hpp"

namespace stasis::hijack {

Status Recorder::find_shared_memory() noexcept {
  shared_memory_ = List<image::SharedMemoryRecord>(arena_);
  for (Mapping& mapping : map_.mappings) {
    image::MappingRecord& record = mapping.record;
    if (record.kind != image::MappingKind::shared_memory) continue;
    std::uint32_t index = 0;
    while (index != shared_memory_.size() && (shared_memory_[index].inode != record.inode || shared_memory_[index].device != record.device)) ++index;
    if (index == shared_memory_.size()) {
      image::SharedMemoryRecord object;
      object.device = record.device, object.inode = record.inode, object.path = record.path;
      object.anonymous = record.path == "/dev/zero (deleted)";
      object.size = record.file_size;
      STASIS_TRY(find_mode(object));
      if (!shared_memory_.add(object)) return out_of_arena();
    }
    record.object = index;
    image::SharedMemoryRecord& object = shared_memory_[index];
    const std::uint64_t reach = record.offset + (record.end - record.start);
    if (record.file_size == 0 && reach > object.size) object.size = reach;
  }
  STASIS_TRY(find_system_v());
  OtherName names(arena_, descriptors_.descriptions);
  for (image::SharedMemoryRecord& object : shared_memory_) find_other_name(object, names);
  return {};
}

// Segments that nobody has attached are shared memory, too.
Status Recorder::find_system_v() noexcept {
  List<std::int32_t> attached(arena_);
  for (const image::SharedMemoryRecord& object : shared_memory_)
    if (object.device == image::kSystemVDevice && !attached.add(static_cast<std::int32_t>(object.inode))) return out_of_arena();
  STASIS_TRY_VALUE(system_v_, read_system_v(arena_, attached));
  for (const image::SystemVRecord& record : system_v_) {
    if (record.kind != image::SystemVKind::memory || is_attached(kernels_number(record.kind, record.id))) continue;
    image::SharedMemoryRecord object;
    object.device = image::kSystemVDevice, object.inode = static_cast<std::uint64_t>(record.id), object.path = "/SYSV";
    object.anonymous = false, object.size = record.size;
    if (!shared_memory_.add(object)) return out_of_arena();
  }
  return {};
}

// A file of POSIX shared memory that can be found under its name.
Status Recorder::find_mode(image::SharedMemoryRecord& object) noexcept {
  if (object.anonymous || !object.path.starts_with("/")) return {};
  const std::string_view path = arena_.copy(object.path);  // with a NUL
  if (path.empty()) return out_of_arena();
  struct stat status{};
  const bool found = sys::call(SYS_newfstatat, AT_FDCWD, path.data(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == object.inode && status.st_dev == object.device;
  if (found) object.mode = status.st_mode;
  return {};
}

// A file that has lost its name but has another stays where it is.
void Recorder::find_other_name(image::SharedMemoryRecord& object, OtherName& names) noexcept {
  constexpr std::string_view kDeleted = " (deleted)";
  if (object.anonymous || object.device == image::kSystemVDevice || !object.path.ends_with(kDeleted)) return;
  object.other_name = names.find_beside(object.path.substr(0, object.path.size() - kDeleted.size()), object.device, object.inode);
  struct stat status{};
  if (object.other_name.empty() || sys::call(SYS_newfstatat, AT_FDCWD, object.other_name.data(), &status, 0) < 0) return;
  object.size = static_cast<std::uint64_t>(status.st_size);
}

Result<proto::Inventory> Recorder::take_inventory() noexcept {
  STASIS_TRY_VALUE(map_, read_memory_map(arena_, scratch_));
  STASIS_TRY(rest_contexts(map_));
  STASIS_TRY_VALUE(descriptors_, list_descriptors(arena_, link_, borrowed_));
  STASIS_TRY(rest_rings(map_, descriptors_, arena_));
  STASIS_TRY(add_mapped_files(map_, descriptors_, borrowed_, arena_));
  STASIS_TRY(find_shared_memory());
  const std::uint32_t count = descriptors_.descriptions.size() + shared_memory_.size();
  auto* entries = static_cast<proto::SharedEntry*>(arena_.take(sizeof(proto::SharedEntry) * count));
  if (entries == nullptr && count != 0) return out_of_arena();
  std::uint32_t next = 0;
  for (const Description& description : descriptors_.descriptions)
    entries[next++] = {description.only_mapped ? proto::SharedKind::mapped_file : proto::SharedKind::description, description.record.device, description.record.inode, description.record.status_flags, description.fd,
                       description.other_end, description.must_be_inside, description.peer, description.record.kind == image::DescriptionKind::message_queue};
  for (const image::SharedMemoryRecord& object : shared_memory_) entries[next++] = {proto::SharedKind::memory, object.device, object.inode, 0, -1, 0, false, 0, false};
  List<proto::SharedExtent> extents(arena_);
  for (const Mapping& mapping : map_.mappings) {
    const image::MappingRecord& record = mapping.record;
    if (record.kind != image::MappingKind::shared_memory) continue;
    const auto entry = descriptors_.descriptions.size() + static_cast<std::uint32_t>(record.object);
    if (!extents.add({entry, record.offset, record.offset + (record.end - record.start)})) return out_of_arena();
  }
  return proto::Inventory{Sequence<proto::SharedEntry>(entries, count), Sequence<proto::SharedExtent>(extents.begin(), extents.size())};
}

Status Recorder::accept(const proto::Elected& elected) noexcept {
  elected_ = List<proto::ElectedEntry>(arena_);
  bool full = false;
  elected.entries.for_each([&](const proto::ElectedEntry& entry) { full |= !elected_.add(entry); });
  parts_ = List<proto::SharedPart>(arena_);
  elected.parts.for_each([&](const proto::SharedPart& part) { full |= !parts_.add(part); });
  if (full) return out_of_arena();
  if (elected_.size() != descriptors_.descriptions.size() + shared_memory_.size()) return error(ErrorCode::protocol, "the election's result is too short");
  for (std::uint32_t i = 0; i != shared_memory_.size(); ++i) {
    const proto::ElectedEntry& entry = elected_[descriptors_.descriptions.size() + i];
    shared_memory_[i].id = entry.id, shared_memory_[i].recorder = entry.recorder;
  }
  for (Mapping& mapping : map_.mappings)
    if (mapping.record.kind == image::MappingKind::shared_memory) mapping.record.object = shared_memory_[static_cast<std::uint32_t>(mapping.record.object)].id;
  return {};
}

Result<proto::Written> Recorder::write(const proto::Elected& elected) noexcept {
  STASIS_TRY(accept(elected));
  // All that a restored process reads from its own memory must be there before its memory is written.
  STASIS_TRY(save_process_state(arena_));
  STASIS_TRY(save_registrations(descriptors_, arena_));
  STASIS_TRY(scan_.open(arena_));
  STASIS_TRY(save_areas(map_, scan_));
  threads_ = List<image::ThreadRecord>(arena_);
  STASIS_TRY(describe_threads(arena_, threads_));
  STASIS_TRY(image_.create(begin_.image_path, begin_.generation));
  const auto finish = [&]() -> Result<ImageWriter::Done> {
    STASIS_TRY(write_memory());
    STASIS_TRY(check_rings());
    STASIS_TRY(image_.end_data());
    STASIS_TRY(write_sections());
    return image_.finish();
  };
  STASIS_TRY_VALUE(const ImageWriter::Done done, finish());
  return proto::Written{done.bytes, done.digest};
}

Status Recorder::write_memory() noexcept {
  page_runs_ = List<image::PageRun>(arena_);
  content_runs_ = List<image::PageRun>(arena_);
  // The kernel writes the leader's processor number into its restartable-sequence area whenever it is moved (rseq(2)).
  std::uint64_t restless = 0;
  if (__rseq_size != 0) restless = (saved.kept->threads[0].fs_base + static_cast<std::uint64_t>(__rseq_offset)) / image::kPage * image::kPage;
  MemoryWriter memory(image_, scan_, restless);
  STASIS_TRY(memory.open(arena_));
  Sink sink{arena_, image_, content_runs_, &descriptors_.descriptions};
  sink.changeable_left = settings.keep_files;
  STASIS_TRY(record_descriptions(descriptors_, elected_, sink));
  STASIS_TRY(write_shared_memory(memory));
  for (const Mapping& mapping : map_.mappings) {
    if (mapping.record.kind == image::MappingKind::shared_memory || mapping.record.kind == image::MappingKind::file_shared) continue;
    STASIS_TRY(memory.write_private(mapping, page_runs_));
  }
  return {};
}

bool Recorder::has_description_of(const image::SharedMemoryRecord& object, std::uint64_t& size) noexcept {
  for (const Description& description : descriptors_.descriptions) {
    if (description.record.device != object.device || description.record.inode != object.inode) continue;
    size = description.record.size;
    return description.record.deleted || description.record.kind == image::DescriptionKind::memory_file;
  }
  return false;
}

Status Recorder::write_shared_memory(MemoryWriter& memory) noexcept {
  for (image::SharedMemoryRecord& object : shared_memory_) {
    std::uint64_t size = object.size;
    const bool kept_by_description = has_description_of(object, size);
    object.size = size > object.size || kept_by_description ? size : object.size;
    if (kept_by_description || !object.other_name.empty()) continue;
    object.content.first = content_runs_.size();
    object.content.present = object.recorder;
    std::uint32_t extent = 0;  // in the order of the Inventory
    for (const Mapping& mapping : map_.mappings) {
      if (mapping.record.kind != image::MappingKind::shared_memory) continue;
      if (mapping.record.object == object.id) STASIS_TRY(write_parts(memory, mapping, extent, object));
      ++extent;
    }
    if (object.device == image::kSystemVDevice && object.recorder && extent_count(object) == 0) STASIS_TRY(write_unattached(memory, object));
    object.content.count = content_runs_.size() - object.content.first;
  }
  return {};
}

// In how many places this process has it mapped.
std::uint32_t Recorder::extent_count(const image::SharedMemoryRecord& object) noexcept {
  std::uint32_t count = 0;
  for (const Mapping& mapping : map_.mappings) count += mapping.record.kind == image::MappingKind::shared_memory && mapping.record.object == object.id;
  return count;
}

// A segment that nobody has attached, attached for this moment.
Status Recorder::write_unattached(MemoryWriter& memory, const image::SharedMemoryRecord& object) noexcept {
  const long address = sys::call(SYS_shmat, kernels_number(image::SystemVKind::memory, static_cast<std::int32_t>(object.inode)), nullptr, SHM_RDONLY);
  if (sys::failed(address)) return system_error("attach a segment of System V shared memory", address);
  Mapping mapping;
  mapping.record.start = static_cast<std::uint64_t>(address);
  mapping.record.end = mapping.record.start + (object.size + image::kPage - 1) / image::kPage * image::kPage;
  mapping.record.kind = image::MappingKind::shared_memory;
  mapping.readable = mapping.shared = true;
  const Status status = memory.write_shared(mapping, content_runs_);
  sys::call(SYS_shmdt, address);
  return status;
}

Status Recorder::write_parts(MemoryWriter& memory, const Mapping& mapping, std::uint32_t extent, image::SharedMemoryRecord& object) noexcept {
  for (const proto::SharedPart& part : parts_) {
    if (part.extent != extent) continue;
    Mapping piece = mapping;
    piece.record.start += part.start - mapping.record.offset;
    piece.record.end = piece.record.start + (part.end - part.start);
    piece.record.offset = part.start;
    object.content.present = true;
    STASIS_TRY(memory.write_shared(piece, content_runs_));
  }
  return {};
}

Status Recorder::write_sections() noexcept {
  STASIS_TRY_VALUE(const image::ProcessRecord process, describe_process(arena_, map_));
  List<image::ZombieRecord> zombies(arena_);
  STASIS_TRY(describe_zombies(arena_, zombies));
  List<image::MappingRecord> mappings(arena_);
  for (const Mapping& mapping : map_.mappings)
    if (!mappings.add(mapping.record)) return out_of_arena();
  List<image::DescriptionRecord> descriptions(arena_);
  for (const Description& description : descriptors_.descriptions)
    if (!descriptions.add(description.record)) return out_of_arena();

  const auto runs = [](const List<image::PageRun>& list) { return reinterpret_cast<const char*>(list.begin()); };
  STASIS_TRY(image_.add_records(image::SectionId::process, &process, 1));
  STASIS_TRY(image_.add_records(image::SectionId::threads, threads_.begin(), threads_.size()));
  STASIS_TRY(image_.add_records(image::SectionId::mappings, mappings.begin(), mappings.size()));
  STASIS_TRY(image_.add_section(image::SectionId::page_runs, runs(page_runs_), page_runs_.size() * sizeof(image::PageRun)));
  STASIS_TRY(image_.add_records(image::SectionId::descriptors, descriptors_.descriptors.begin(), descriptors_.descriptors.size()));
  STASIS_TRY(image_.add_records(image::SectionId::descriptions, descriptions.begin(), descriptions.size()));
  STASIS_TRY(image_.add_records(image::SectionId::shared_memory, shared_memory_.begin(), shared_memory_.size()));
  STASIS_TRY_VALUE(const List<image::SemaphoreUndoRecord> undos, list_undo(arena_));
  STASIS_TRY(image_.add_records(image::SectionId::system_v, system_v_.begin(), system_v_.size()));
  STASIS_TRY(image_.add_records(image::SectionId::undos, undos.begin(), undos.size()));
  STASIS_TRY(image_.add_records(image::SectionId::zombies, zombies.begin(), zombies.size()));
  return image_.add_section(image::SectionId::content_runs, runs(content_runs_), content_runs_.size() * sizeof(image::PageRun));
}

}  // namespace stasis::hijack
