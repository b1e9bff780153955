// `stasis verify`, see verify.hpp. It goes on after damage: people want to know all of it.
// World: programs.
#include "cli/verify.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/image_files.hpp"
#include "core/base/sentence.hpp"
#include "core/store/manifest.hpp"
#include "core/image/reader.hpp"

namespace stasis::cli {
namespace {

using Json = nlohmann::ordered_json;

class Verification {
 public:
  explicit Verification(bool json) : json_(json) {}

  void check(const std::string& path) {
    Error failure;
    std::uint64_t bytes = 0;
    if (const Result<image::Image> image = image::Image::open(path); !image.ok()) {
      failure = image.error();
    } else {
      bytes = image->footer().file_length;
      failure = image->verify_data().error();
    }
    note(path, bytes, failure);
  }

  // All that a restart from the generation would rely on.
  void check_generation(const std::string& store, std::uint64_t number) {
    const std::string directory = store::generation_directory(store, number);
    const auto manifest = store::read_manifest(directory, number);
    if (!manifest.ok()) return note(directory, 0, manifest.error());
    for (const store::ManifestImage& image : manifest->images) {
      if (const Status same = check_identity(image); !same.ok()) note(image.path, 0, same.error());
      else check(image.path);
    }
  }

  // Whether it is the image that the manifest means.
  static Status check_identity(const store::ManifestImage& expected) {
    STASIS_TRY_VALUE(const image::Image image, image::Image::open(expected.path));
    const bool same = image.footer().file_length == expected.bytes && image.footer().table_digest == expected.digest;
    return same ? Status{} : Status(error(ErrorCode::image_damaged, expected.path).with("it is not the one that the manifest names"));
  }

  void note(const std::string& path, std::uint64_t bytes, const Error& failure) {
    const bool holds = failure.code == ErrorCode::none;
    Json entry{{"path", path}, {"bytes", bytes}, {"holds", holds}};
    if (!holds) {
      entry["error"] = std::string(describe(failure.code).name);
      entry["text"] = sentence_with_remedy(failure);
      std::fprintf(stderr, "stasis verify: %s\n", sentence_with_remedy(failure).c_str());
      if (status_ == 0) status_ = describe(failure.code).exit_status;
    } else if (!json_) {
      std::printf("%s: holds, %llu bytes\n", path.c_str(), static_cast<unsigned long long>(bytes));
    }
    entries_.push_back(entry);
  }

  int finish() const {
    if (json_) std::printf("%s\n", entries_.dump(2).c_str());
    return status_;
  }

 private:
  bool json_;
  int status_ = 0;
  Json entries_ = Json::array();
};

}  // namespace

int verify(const std::string& target, bool json) {
  Verification verification(json);
  std::error_code failure;
  if (!std::filesystem::exists(target, failure)) {
    verification.note(target, 0, error(ErrorCode::no_store, target));
  } else if (!std::filesystem::is_directory(target, failure)) {
    verification.check(target);
  } else if (const auto generations = generations_of(target); !generations.ok()) {
    verification.note(target, 0, generations.error());
  } else if (generations->empty()) {
    verification.note(target, 0, error(ErrorCode::no_generation, target));
  } else {
    for (const auto& [number, images] : *generations) verification.check_generation(target, number);
  }
  return verification.finish();
}

}  // namespace stasis::cli
