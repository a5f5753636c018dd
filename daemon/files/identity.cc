#include "daemon/files/identity.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/log.h"

namespace bp2p {
namespace {

std::unexpected<FileError> wrong(const std::filesystem::path& file, const std::string& what) {
  return std::unexpected(FileError{file.string() + ": " + what});
}

/// The seed passed through ordinary memory on its way from the file.
struct Wiped {
  Bytes& bytes;
  ~Wiped() { sodium_memzero(bytes.data(), bytes.size()); }
};

std::expected<std::optional<KeyPair>, FileError> read_secret(const std::filesystem::path& file) {
  auto content = read_whole(file, KeyPair::seed_size);
  if (!content) return std::unexpected(content.error());
  if (!*content) return std::nullopt;
  const Wiped wiped{(*content)->bytes};
  if ((*content)->bytes.size() != KeyPair::seed_size)
    return wrong(file, "has " + std::to_string((*content)->bytes.size()) + " bytes, an Ed25519 seed has 32; " +
                           "restore it from a copy, or remove node.key and node.pub to become a new daemon");
  if (((*content)->mode & 077) != 0)
    return wrong(file, "can be read or written by others than its owner; chmod 600 makes it right, and whoever could " +
                           std::string{"read it until now could be this daemon"});
  if ((*content)->owner != ::geteuid() && ::geteuid() != 0)
    return wrong(file, "belongs to uid " + std::to_string((*content)->owner) + ", this daemon runs as " +
                           std::to_string(::geteuid()));
  return KeyPair::from_seed(std::span<const std::byte, KeyPair::seed_size>{(*content)->bytes});
}

std::expected<std::optional<PublicKey>, FileError> read_public(const std::filesystem::path& file) {
  const auto content = read_whole(file, PublicKey::size);
  if (!content) return std::unexpected(content.error());
  if (!*content) return std::nullopt;
  if ((*content)->bytes.size() != PublicKey::size)
    return wrong(file, "has " + std::to_string((*content)->bytes.size()) + " bytes, an Ed25519 public key has 32");
  PublicKey key;
  std::ranges::copy((*content)->bytes, key.bytes.begin());
  return key;
}

}  // namespace

std::expected<KeyPair, FileError> load_or_make_identity(const std::filesystem::path& key_dir) {
  init_crypto();
  if (auto made = make_private_directory(key_dir, 0700); !made) return std::unexpected(made.error());
  const auto secret_file = key_dir / "node.key", public_file = key_dir / "node.pub";
  auto secret = read_secret(secret_file);
  if (!secret) return std::unexpected(secret.error());
  auto shown = read_public(public_file);
  if (!shown) return std::unexpected(shown.error());

  if (!*secret) {
    if (*shown)
      return wrong(secret_file, "is missing, but node.pub is there: this daemon had an identity (" +
                                    fingerprint(**shown) + "); restore the file, or remove node.pub to become a new " +
                                    "one");
    *secret = KeyPair::generate();
    if (auto written = write_whole(secret_file, (*secret)->seed(), 0600, Existing::keep); !written)
      return std::unexpected(written.error());
    log::warning("identity.new", "no identity in " + key_dir.string() + ": made a new one, " +
                                     fingerprint((*secret)->public_key()) + "; peers that know this host by another key refuse it");
  }
  if (!*shown) {  // made just now, or a start that ended between the two files
    if (auto written = write_whole(public_file, (*secret)->public_key().bytes, 0644, Existing::keep); !written)
      return std::unexpected(written.error());
  } else if (**shown != (*secret)->public_key()) {
    return wrong(public_file, "does not belong to node.key: it is " + fingerprint(**shown) + ", the key's is " +
                                  fingerprint((*secret)->public_key()) + "; restore the file that is wrong");
  }
  return std::move(**secret);
}

std::expected<PublicKey, FileError> read_own_public_key(const std::filesystem::path& key_dir) {
  const auto key = read_public(key_dir / "node.pub");
  if (!key) return std::unexpected(key.error());
  if (!*key) return wrong(key_dir / "node.pub", "is not there; the daemon makes it at its first start");
  return **key;
}

}  // namespace bp2p
