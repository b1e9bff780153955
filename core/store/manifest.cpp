// See manifest.hpp.
// World: programs.
#include "core/store/manifest.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/environment.hpp"

namespace stasis::store {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 1;

std::string hex(std::uint64_t number) { return FixedString<24>().append_number(number, 16).c_str(); }

std::string text_of(const Json& document, int indent) { return document.dump(indent, ' ', false, Json::error_handler_t::replace); }

// XXH3-64 of the document's text without the digest, fields in the order of the file.
std::string digest_of(Json document) {
  document.erase("digest");
  const std::string text = text_of(document, -1);
  return hex(XXH3_64bits(text.data(), text.size()));
}

Manifest decode(const Json& document, const std::string& directory) {
  Manifest manifest;
  manifest.computation = document.at("computation");
  manifest.generation = document.at("generation");
  manifest.time = document.at("time");
  manifest.reason = document.at("reason");
  manifest.host = document.at("host");
  manifest.root = document.at("root");
  manifest.stopped_us = document.at("stopped_us");
  for (const Json& image : document.at("images")) {
    manifest.images.push_back({image.at("pid"), image.at("program"), directory + "/" + image.at("path").get<std::string>(), image.at("bytes"),
                               std::stoull(image.at("digest").get<std::string>(), nullptr, 16), image.value("launch", "")});
  }
  if (!document.contains("parts")) return manifest;  // written before there could be more than one
  for (const Json& part : document.at("parts"))
    manifest.parts.push_back({part.at("name"), part.at("host"), part.at("launch"), part.at("parts"), part.at("root"), part.value("addresses", "")});
  return manifest;
}

}  // namespace

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestImage& image : images) sum += image.bytes;
  return sum;
}

const ManifestPart* Manifest::part(std::string_view name) const {
  for (const ManifestPart& part : parts)
    if (part.name == name) return &part;
  return nullptr;
}

std::vector<ManifestImage> Manifest::images_of(std::string_view part) const {
  if (parts.empty()) return images;
  std::vector<ManifestImage> found;
  for (const ManifestImage& image : images)
    if (std::filesystem::path(image.path).parent_path().filename() == part) found.push_back(image);
  return found;
}

std::string generation_directory(const std::string& store, std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return store + "/" + store_layout::kGenerations + "/" + digits;
}

std::string encode(const Manifest& manifest, const std::string& directory) {
  Json images = Json::array();
  for (const ManifestImage& image : manifest.images) {
    images.push_back({{"pid", image.pid},
                      {"program", image.program},
                      {"path", image.path.substr(directory.size() + 1)},
                      {"bytes", image.bytes},
                      {"digest", hex(image.digest)}});
    if (!image.launch.empty()) images.back()["launch"] = image.launch;
  }
  Json parts = Json::array();
  for (const ManifestPart& part : manifest.parts)
    parts.push_back({{"name", part.name}, {"host", part.host}, {"launch", part.launch}, {"parts", part.parts}, {"root", part.root}, {"addresses", part.addresses}});
  Json document{{"format", kFormat},
                {"computation", manifest.computation},
                {"generation", manifest.generation},
                {"time", manifest.time},
                {"reason", manifest.reason},
                {"host", manifest.host},
                {"root", manifest.root},
                {"stopped_us", manifest.stopped_us},
                {"bytes", manifest.bytes()},
                {"parts", parts},
                {"images", images}};
  document["digest"] = digest_of(document);
  return text_of(document, 2) + "\n";
}

Result<Manifest> read_manifest(const std::string& directory, std::uint64_t number) {
  const std::string path = directory + "/" + store_layout::kManifest;
  std::ifstream file(path);
  if (!file) return error(ErrorCode::no_generation, path);
  const Json document = Json::parse(file, nullptr, false);
  if (!document.is_object()) return error(ErrorCode::manifest_damaged, path);
  try {
    if (document.at("format") != kFormat) return error(ErrorCode::manifest_version, path).with("format " + document.at("format").dump());
    if (document.at("digest") != digest_of(document)) return error(ErrorCode::manifest_damaged, path).with("wrong digest");
    Manifest manifest = decode(document, directory);
    if (manifest.generation != number) return error(ErrorCode::manifest_damaged, path).with("it is of another generation");
    return manifest;
  } catch (const std::exception&) {  // a field is missing or of another type
    return error(ErrorCode::manifest_damaged, path);
  }
}

}  // namespace stasis::store
