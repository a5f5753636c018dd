// The overlay's address book on disk: how a restarted daemon finds its cluster again without its contacts.
#pragma once
#include <expected>
#include <filesystem>
#include <string_view>
#include <vector>

#include "daemon/files/whole_file.h"
#include "proto/membership/address_book.h"
#include "proto/trust/signing.h"

namespace bp2p {

/// Replaces state_dir/address_book, whole or not at all. Blocks on the disk.
std::expected<void, FileError> save_address_book(const std::filesystem::path& state_dir,
                                                 const std::vector<membership::SavedContact>& contacts);

/// What was saved; records are verified again, however old, and what is not right is left out: the book is a help, and a
/// daemon starts without it. The error says why all of it was of no use.
std::expected<std::vector<membership::SavedContact>, FileError> load_address_book(const std::filesystem::path& state_dir,
                                                                                  std::string_view cluster,
                                                                                  const Signing& signing);

}  // namespace bp2p
