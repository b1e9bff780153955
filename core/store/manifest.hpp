// The manifest of a generation: the file that makes it exist, and what it says of each image.
//
// One description for all who read or write it: the coordinator writes it, restart, list and verify read it. JSON, with a digest of its own, so that
// of all that a restart relies on nothing is unchecked: manifest, section tables, sections, pages.
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::store {

// One image of a generation, as its member reported it.
struct ManifestImage {
  std::int32_t pid = 0;
  std::string program;
  std::string path;          // absolute; in the file relative to the generation's directory
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;  // of the image's section table
  std::string launch;        // of a launch proxy that waits for its launch: the launch's id
};

// One part of the computation: what one node coordinator led. Its images are in the directory of its name.
struct ManifestPart {
  std::string name;          // "main" for that of the root coordinator's node
  std::string host;
  std::string launch;        // id of the launch that it belongs to, empty for main
  std::uint32_t parts = 1;   // of that launch
  std::int32_t root = 0;     // pid of its first process, 0 if that has ended
  std::string addresses;     // of its node, as words: how other parts' connections name it
};

struct Manifest {
  std::string computation;
  std::uint64_t generation = 0;
  std::int64_t time = 0;         // of the commit, seconds since 1970
  std::string reason;            // command, interval, notice
  std::string host;              // node that committed it
  std::int32_t root = 0;         // pid of the first process, 0 if it has ended
  std::uint64_t stopped_us = 0;  // how long the program stood still; until the images were written if it was then ended
  std::vector<ManifestPart> parts;  // main first
  std::vector<ManifestImage> images;

  // Null if there is none of that name.
  const ManifestPart* part(std::string_view name) const;
  // Those in the part's directory; all of them in a manifest that names no parts.
  std::vector<ManifestImage> images_of(std::string_view part) const;
  std::uint64_t bytes() const;   // of all images
};

// DIR/generations/000007
std::string generation_directory(const std::string& store, std::uint64_t number);

// The file's text. Image paths must lie in `directory`, the generation's.
std::string encode(const Manifest& manifest, const std::string& directory);

// Reads and checks the manifest in a generation's directory. Errors: no_generation (there is none), manifest_version, manifest_damaged (it cannot be
// parsed, its digest is wrong, or it is of another generation than `number`).
Result<Manifest> read_manifest(const std::string& directory, std::uint64_t number);

}  // namespace stasis::store
