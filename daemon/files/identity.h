// The daemon's identity on disk: key_dir/node.key, the 32-byte seed, and key_dir/node.pub, the 32-byte public key.
// It is made at the first start and never changed after it.
#pragma once
#include <expected>
#include <filesystem>

#include "daemon/crypto.h"
#include "daemon/files/whole_file.h"

namespace bp2p {

/// Reads the identity, or makes one when neither file is there. Everything else is an error that ends the start:
/// a key file of another size, one that others may read, a public key that does not belong to it, or a public key
/// whose secret half is gone (a new key would be a new identity, and peers have the old one pinned).
/// A missing node.pub alone is written again.
std::expected<KeyPair, FileError> load_or_make_identity(const std::filesystem::path& key_dir);

/// node.pub alone, for the command line.
std::expected<PublicKey, FileError> read_own_public_key(const std::filesystem::path& key_dir);

}  // namespace bp2p
