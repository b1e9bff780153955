// Files and directories below /proc/PID, of processes of the computation: opened again by their names when those processes exist. Of a thread only the
// main one's, for others come later.
// World: hijack, leader.
#include "hijack/engine/process_record.hpp"
#include "hijack/kinds/descriptor_facts.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kProc = "/proc/", kOwnTask = "/task/";

bool recognise(Description& description) noexcept {
  std::string_view rest = description.record.path;
  if (!rest.starts_with(kProc) || (description.record.status_flags & O_PATH) != 0) return false;
  rest.remove_prefix(kProc.size());
  Text text(rest);
  const auto pid = static_cast<std::int32_t>(text.number());
  if (pid <= 0 || !is_recorded(pid)) return false;
  if (text.rest().starts_with(kOwnTask)) {
    text.skip(kOwnTask.size());
    if (static_cast<std::int32_t>(text.number()) != pid) return false;
  }
  description.record.kind = image::DescriptionKind::process_file;
  return true;
}

// The name as the program knows it: with its own ids (hijack/virt/ids.hpp).
Status record(Description& description, Sink& sink) noexcept {
  if (!ids_are_virtual()) return {};
  Text text(description.record.path);
  text.skip(kProc.size());
  const std::int32_t pid = programs_id(static_cast<std::int32_t>(text.number()));
  Path path(kProc);
  path.append_signed(pid);
  if (text.rest().starts_with(kOwnTask)) {
    text.skip(kOwnTask.size());
    text.number();
    path.append(kOwnTask).append_signed(pid);
  }
  path.append(text.rest());
  description.record.path = sink.arena.copy(path.view());
  return {};
}

}  // namespace

const Kind kinds_detail::process_file{recognise, record};

}  // namespace stasis::hijack
