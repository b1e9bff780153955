// Making durable what a generation takes for granted of the program's own files.
//
// An image holds no bytes of a file that is open for writing or mapped shared, only its name and its length: a restart brings it back to that
// length. So after a loss of power the file must still have that many bytes, those of the checkpoint or newer ones. It is enough that they
// are on disk when the generation begins to exist; the program runs meanwhile.
// World: programs. Only looks and syncs.
#pragma once
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::coordinator {

// Syncs the files that `images` (paths of complete images) name, each once. What a restart could not open under its name either is left out, as are
// files that this user may not open: those were synced by their process (hijack/kinds/regular_file.cpp).
// Errors: as image::Image::open; system, when a file's bytes do not reach the disk.
Status sync_written_files(const std::vector<std::string>& images);

}  // namespace stasis::coordinator
