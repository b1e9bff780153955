// All images of one generation on this node, and what follows from them together.
//
// World: programs. Records point into the images, which live as long as the Computation.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/image/reader.hpp"
#include "restart_wrapper/tree.hpp"

namespace stasis::restart {

// A resource that several processes may refer to: the record of one of them, and the image that holds its content (or null).
template <class Record>
struct Shared {
  Record record;
  const image::Image* content = nullptr;
};
using Description = Shared<image::DescriptionRecord>;
// Memory may be in several images, a part in each: of who had it mapped.
struct SharedMemory {
  image::SharedMemoryRecord record;  // with the largest size that any of them knows; its `content` is of no use
  struct Part {
    const image::Image* image;
    image::ContentRange content;
  };
  std::vector<Part> parts;
};

// An image as the manifest names it. `bytes` 0: nothing is known but the path.
struct ImageFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;  // of its section table
};

struct Computation {
  std::string id;
  std::uint64_t generation = 0;
  std::vector<image::Image> members;
  std::map<std::uint64_t, Description> descriptions;     // by id
  std::map<std::uint64_t, SharedMemory> shared_memory;   // by id
  std::set<int> ids;          // every process and thread id, and those that the processes refer to
  std::set<int> used_fds;     // descriptor numbers that any process uses
  int root = 0;               // pid of the first process; 0 if it had ended
  bool own_ipc = false;       // is brought back in an IPC namespace of its own; set by who knows
  bool has_terminal = false;  // the root had a controlling terminal from outside

  const image::ProcessRecord& process(int member) const { return members[static_cast<std::size_t>(member)].process(); }
  std::vector<ProcessShape> shapes() const;
};

// Opens and checks images that somebody else will load. Errors: as `load`.
Status check_images(const std::vector<ImageFile>& files);

// Opens and checks `files`. `root` is the pid of the first process if known, else 0: then the one that has its parent outside.
// Errors: as Image::open; image_damaged when an image is not the one that the manifest names, or the images do not belong together.
Result<Computation> load(const std::vector<ImageFile>& files, int root);

}  // namespace stasis::restart
