// Finding image files in a store, see image_files.hpp.
// World: programs.
#include "cli/image_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/environment.hpp"

namespace stasis::cli {

namespace files = std::filesystem;

Result<std::map<std::uint64_t, std::vector<std::string>>> generations_of(const std::string& store) {
  std::error_code failure;
  if (!files::exists(files::path(store) / store_layout::kIdentity, failure))
    return error(failure == std::errc::permission_denied ? ErrorCode::foreign_store : ErrorCode::no_store, store);
  std::map<std::uint64_t, std::vector<std::string>> found;
  for (const auto& entry : files::directory_iterator(files::path(store) / store_layout::kGenerations, failure)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t number = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (bad != std::errc() || end != name.data() + name.size() || !files::exists(entry.path() / store_layout::kManifest, failure)) continue;
    std::vector<std::string>& images = found[number];
    for (const auto& file : files::recursive_directory_iterator(entry.path(), failure))
      if (file.path().extension() == store_layout::kImageSuffix) images.push_back(file.path().string());
    std::sort(images.begin(), images.end());
  }
  return found;
}

}  // namespace stasis::cli
