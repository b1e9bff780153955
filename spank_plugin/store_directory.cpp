// The store of a job: patterns filled in, and a look for a manifest.
//
// World: SPANK.
#include "spank_plugin/store_directory.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/environment.hpp"

namespace stasis::spank {
namespace {

std::string harmless(std::string name) {
  std::replace(name.begin(), name.end(), '/', '_');
  return name == ".." || name == "." ? "_" : name;
}

}  // namespace

std::string expand_store_directory(std::string_view pattern, const StoreNames& names) {
  std::string path;
  bool tells_tasks = names.array_task.empty();
  bool tells_jobs = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'j': path += names.job, tells_jobs = tells_tasks = true; break;
      case 'A': path += names.array_job, tells_jobs = true; break;
      case 'a': path += names.array_task, tells_tasks = true; break;
      case 'u': path += harmless(names.user); break;
      case 'x': path += harmless(names.job_name); break;
      case 'N': path += harmless(names.node); break;
      default: path += pattern[i];
    }
  }
  if (!tells_tasks) path += "-" + names.array_task;
  if (tells_jobs && !names.step.empty() && names.step != "0") path += "." + names.step;
  return path;
}

bool has_generation(const std::string& store) {
  std::error_code problem;
  const std::filesystem::path generations = std::filesystem::path(store) / store_layout::kGenerations;
  for (std::filesystem::directory_iterator entry(generations, problem), end; !problem && entry != end; entry.increment(problem)) {
    std::error_code ignored;
    if (std::filesystem::exists(entry->path() / store_layout::kManifest, ignored)) return true;
  }
  return false;
}

}  // namespace stasis::spank
