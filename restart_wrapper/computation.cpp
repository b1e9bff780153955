// All images of one generation on this node, see computation.hpp.
// World: programs.
#include "restart_wrapper/computation.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "core/image/states/pseudo_terminal.hpp"
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

template <class Record>
void merge(std::map<std::uint64_t, Shared<Record>>& all, const std::vector<Record>& records, const image::Image& image) {
  for (const Record& record : records) {
    auto [entry, fresh] = all.try_emplace(record.id, Shared<Record>{record, nullptr});
    if (record.content.present && entry->second.content == nullptr) entry->second = {record, &image};
    else if (record.recorder && entry->second.content == nullptr) entry->second.record = record;  // it was written or refused by what this one says
  }
}

void merge_memory(std::map<std::uint64_t, SharedMemory>& all, const image::Image& image) {
  for (const image::SharedMemoryRecord& record : image.shared_memory()) {
    SharedMemory& memory = all.try_emplace(record.id, SharedMemory{record, {}}).first->second;
    const std::uint64_t size = std::max(memory.record.size, record.size);
    if (record.recorder) memory.record = record;
    memory.record.size = size;
    if (record.content.present) memory.parts.push_back({&image, record.content});
  }
}

void collect(Computation& computation, const image::Image& image) {
  const image::ProcessRecord& process = image.process();
  computation.ids.insert({process.pid, process.parent, process.group, process.session});
  for (const image::ThreadRecord& thread : image.threads()) computation.ids.insert(thread.tid);
  for (const image::ZombieRecord& zombie : image.zombies()) computation.ids.insert({zombie.pid, zombie.group, zombie.session});
  for (const image::DescriptorRecord& descriptor : image.descriptors()) computation.used_fds.insert(descriptor.fd);
  merge(computation.descriptions, image.descriptions(), image);
  merge_memory(computation.shared_memory, image);
}

Status check_together(const Computation& computation) {
  std::set<int> seen;
  for (const image::Image& image : computation.members) {
    if (image.process().computation != computation.id || image.header().generation != computation.generation)
      return error(ErrorCode::image_damaged, image.path()).with("it belongs to another computation or generation");
    if (!seen.insert(image.process().pid).second) return error(ErrorCode::image_damaged, image.path()).with("there is another image of the same process");
    for (const image::DescriptorRecord& descriptor : image.descriptors())
      if (!computation.descriptions.contains(descriptor.description))
        return error(ErrorCode::image_damaged, image.path()).with("a descriptor has no description: " + std::to_string(descriptor.fd));
  }
  return {};
}

Result<image::Image> open_image(const ImageFile& file) {
  STASIS_TRY_VALUE(image::Image image, image::Image::open(file.path));
  if (file.bytes != 0 && (image.footer().file_length != file.bytes || image.footer().table_digest != file.digest))
    return error(ErrorCode::image_damaged, file.path).with("it is not the image that the manifest names");
  return image;
}

// The first process is the one whose parent is outside. Orphans have theirs outside too: the init of their namespace.
int guess_root(const Computation& computation) {
  std::set<int> pids;
  for (const image::Image& image : computation.members) pids.insert(image.process().pid);
  int orphan = 0;
  for (const image::Image& image : computation.members) {
    const image::ProcessRecord& process = image.process();
    if (pids.contains(process.parent)) continue;
    if (process.parent > 1) return process.pid;
    if (orphan == 0 || process.pid < orphan) orphan = process.pid;
  }
  return orphan;
}

// Those whose controlling terminal is a pseudo-terminal of the program's own.
Result<std::set<int>> sessions_with_own_terminal(const Computation& computation) {
  std::set<int> sessions;
  for (const auto& [id, description] : computation.descriptions) {
    if (description.record.kind != image::DescriptionKind::pseudo_terminal) continue;
    STASIS_TRY_VALUE(const image::PseudoTerminal state, state_of<image::PseudoTerminal>(description));
    if (state.session != 0) sessions.insert(state.session);
  }
  return sessions;
}

}  // namespace

std::vector<ProcessShape> Computation::shapes() const {
  std::vector<ProcessShape> all;
  for (std::size_t i = 0; i != members.size(); ++i) {
    const image::ProcessRecord& process = members[i].process();
    all.push_back({process.pid, process.parent, process.group, process.session, false, 0, static_cast<int>(i), process.exit_signal});
  }
  for (const image::Image& image : members)
    for (const image::ZombieRecord& zombie : image.zombies())
      all.push_back({zombie.pid, image.process().pid, zombie.group, zombie.session, true, zombie.status, -1, zombie.exit_signal});
  return all;
}

Status check_images(const std::vector<ImageFile>& files) {
  for (const ImageFile& file : files) {
    STASIS_TRY_VALUE(const image::Image image, open_image(file));
    static_cast<void>(image);
  }
  return {};
}

Result<Computation> load(const std::vector<ImageFile>& files, int root) {
  Computation computation;
  for (const ImageFile& file : files) {
    STASIS_TRY_VALUE(image::Image image, open_image(file));
    computation.members.push_back(std::move(image));
  }
  if (computation.members.empty()) return error(ErrorCode::manifest_damaged, "it names no image");
  computation.id = computation.members.front().process().computation;
  computation.generation = computation.members.front().header().generation;
  for (const image::Image& image : computation.members) collect(computation, image);
  computation.ids.erase(0);
  STASIS_TRY(check_together(computation));
  computation.root = root != 0 ? root : guess_root(computation);
  STASIS_TRY_VALUE(const std::set<int> own, sessions_with_own_terminal(computation));
  bool root_is_here = false;
  for (const image::Image& image : computation.members)
    if (image.process().pid == computation.root) root_is_here = true, computation.has_terminal = image.process().terminal != 0 && !own.contains(image.process().session);
  if (!root_is_here) computation.root = 0;
  return computation;
}

}  // namespace stasis::restart
