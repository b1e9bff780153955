// What only an inotify instance has (inotify(7)): the state of a description of kind `watch_list`.
//
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/codec/codec.hpp"

namespace stasis::image {

struct Watch {
  std::int32_t number = 0;    // as inotify_add_watch(2) returned it
  std::uint32_t events = 0;   // IN_*
  std::string_view path;      // absolute
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("number", self.number);
    archive("events", self.events);
    archive("path", self.path);
  }
};

struct WatchList {
  Sequence<Watch> watches;    // ascending by number
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("watches", self.watches);
  }
};

}  // namespace stasis::image
