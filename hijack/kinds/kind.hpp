// A kind of kernel resource behind a descriptor. One file in hijack/kinds for each.
//
// Every call happens on the leader while all threads are parked; nothing is changed: what is recorded is looked at, never taken out. A kind
// is a row of kinds/table.cpp; the first that recognises a description records it.
// World: hijack, leader.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/codec/codec.hpp"
#include "core/image/records.hpp"
#include "hijack/engine/image_writer.hpp"

namespace stasis::hijack {

// A description that nobody need have a descriptor of: it is under way with a message in the queue of a UNIX socket (SCM_RIGHTS).
struct InFlight {
  std::uint32_t message = 0;      // counting only messages with descriptors
  std::uint64_t description = 0;  // index, and after the election its id
};

// An open file description of this process, by one of its descriptors.
struct Description {
  int fd = -1;
  List<InFlight> in_flight;       // sockets: in the order of the queue
  bool locked_by_process = false; // files: opening it again and closing that would take the program's locks away (engine/file_locks.hpp)
  bool only_mapped = false;       // files: nobody need have a descriptor of it, it is mapped (engine/mapped_files.hpp)
  bool must_be_inside = false;    // sockets: a connection whose other end must be in the computation (STASIS_OUTSIDE)
  std::uint64_t peer = 0;         // sockets: inode of that other end
  std::uint64_t other_end = 0;    // TCP: inode of the other end's socket, if more is under way than the receive queue has taken
  std::string_view refilled;      // TCP: all that was under way, queue included, after it was taken out and sent again (queue_refill.hpp)
  struct stat status = {};
  image::DescriptionRecord record;  // filled by the engine but for kind, content and what only the kind knows
};

// What a kind needs to record content.
struct Sink {
  Arena& arena;
  ImageWriter& image;
  List<image::PageRun>& runs;       // of the section content_runs
  const List<Description>* descriptions = nullptr;  // all of this process, with their ids
  std::uint64_t copies_left = 64u << 20;  // bytes of files that are where they were and may be kept in case they go
  std::uint64_t changeable_left = 0;      // the same of files that the program may change in place
};

struct Kind {
  // Whether the description is of this kind; sets record.kind and what identifies it. Before the election: in every process.
  bool (*recognise)(Description& description) noexcept;
  // Puts content into the image; only in the process that was elected for it. Null if there is none.
  Status (*record)(Description& description, Sink& sink) noexcept;
};

// In the order of the table; null if there is none for it.
const Kind* find_kind(Description& description) noexcept;

// Shared by kinds: the whole content of the file behind `description` (regular or memory file), `size` bytes, holes left out.
Status record_content(const Description& description, std::uint64_t size, image::ContentRange& range, Sink& sink) noexcept;

// Keeps what only the kind has with the description. Errors: system when the arena is full.
template <class State>
Status set_state(Description& description, Arena& arena, const State& state) noexcept {
  const std::size_t size = encoded_size(state);
  auto* place = static_cast<char*>(arena.take(size));
  if (place == nullptr) return out_of_arena();
  Writer(place, size).record(state);
  description.record.state = {place, size};
  return {};
}

// Which of descriptors 0..2 of the first program this is the object of, -1 if none (STASIS_STDIO).
int stdio_index(const struct stat& status) noexcept;

namespace kinds_detail {
extern const Kind path_only, memory_file, regular_file, directory, terminal, device, launch_stdio, fifo, pipe, event_counter, socket, pseudo_terminal, timer, signal_set, event_set, process, watch_list, process_file, message_queue, ring;
}

}  // namespace stasis::hijack
