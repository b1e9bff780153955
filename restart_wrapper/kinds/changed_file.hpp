// Files that the program has changed in place since the checkpoint: noticing it, and bringing back what they held.
//
// A file that was appended to is cut back; one whose old bytes have changed, such as a database, needs the copy that the image has. What it holds now is kept in the store.
// World: programs.
#pragma once
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {

// Whether the first bytes of the file at `description`'s path are others than at the checkpoint, by the copy or by the fingerprint. False when the image has neither.
// Errors: system, image_damaged.
Result<bool> is_changed(const Description& description);

// Whether is_changed() could bring it back: the image has a copy.
inline bool has_copy(const Description& description) { return description.content != nullptr; }

// Keeps the file as it is in `directory`, then writes the copy into it. Errors: system, image_damaged.
Status write_back(const Description& copy, const std::string& directory);

// What a database has written beside the file at `path` since the checkpoint, and would believe in, is put away into `directory`: files of SQLite's names that none
// of `paths` names. Errors: system.
Status put_journals_away(const std::string& path, const std::set<std::string>& paths, const std::string& directory);

// Copies the bytes of `source` from `from` on to `directory`/INODE-NAME. Errors: system.
Status keep_in(const std::string& directory, std::uint64_t inode, const std::string& source, std::uint64_t from);

}  // namespace stasis::restart
