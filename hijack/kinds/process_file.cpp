// Files and directories below /proc/PID, of processes of the computation: opened again by their names when those processes exist. Of a thread only the
// main one's, for others come later.
// World: hijack, leader.
#include "hijack/engine/process_record.hpp"
#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  constexpr std::string_view kProc = "/proc/", kTask = "task/";
  std::string_view rest = description.record.path;
  if (!rest.starts_with(kProc) || (description.record.status_flags & O_PATH) != 0) return false;
  rest.remove_prefix(kProc.size());
  Text text(rest);
  const auto pid = static_cast<std::int32_t>(text.number());
  text.skip(1);
  if (pid <= 0 || !is_recorded(pid)) return false;
  if (text.rest().starts_with(kTask)) {
    text.skip(kTask.size());
    if (static_cast<std::int32_t>(text.number()) != pid) return false;
  }
  description.record.kind = image::DescriptionKind::process_file;
  return true;
}

}  // namespace

const Kind kinds_detail::process_file{recognise, nullptr};

}  // namespace stasis::hijack
