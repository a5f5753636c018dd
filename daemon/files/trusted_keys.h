// Which key speaks for which name: key_dir/trusted/NAME.pub, 32 raw bytes each, and key_dir/pinned, a line
// `NAME fingerprint` for every pin made and `NAME -` once it was taken back (a long history is dropped). The record is
// what tells a pin whose file is gone from a name never met.
//
// The daemon and the command line both use it, at the same time if need be: readers look at the files each time,
// writers take turns by a lock on key_dir/lock, and give up when another's turn has no end.
#pragma once
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/files/whole_file.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/core/core.h"
#include "proto/wire/limits.h"

namespace bp2p {

/// A pin that cannot be used, and what an operator has to know about it.
struct PinProblem {
  PinError error;
  std::string text;
};

class TrustedKeys {
 public:
  /// More names than this are refused.
  static constexpr std::size_t pins_max = limits::pins_max;

  /// Makes the directories; a record that cannot be read is an error that ends the start. Pins that have no line in
  /// the record yet (copied in by hand, or by upstream) get one.
  static std::expected<TrustedKeys, FileError> open(const std::filesystem::path& key_dir);
  /// The same, for looking only: makes and writes nothing.
  static std::expected<TrustedKeys, FileError> open_to_look(const std::filesystem::path& key_dir);

  /// None: never pinned. A wrong pin is logged once per name and kind of error.
  PinRead read(const NodeName& name);
  /// The same with the reason as text, not logged.
  std::expected<std::optional<PublicKey>, PinProblem> inspect(const NodeName& name);

  /// Pins `key` under every name. On disk when it returns. A name that is pinned to another key, or whose pin cannot
  /// be read, is an error and nothing is written.
  std::expected<void, FileError> store(const PublicKey& key, std::span<const NodeName> names);
  /// The same by an operator's will: what was there is replaced.
  std::expected<void, FileError> replace(const PublicKey& key, const NodeName& name);
  /// True: there was a pin, or a line in the record, and now there is neither.
  std::expected<bool, FileError> unpin(const NodeName& name);

  struct Pin {
    NodeName name;
    std::expected<PublicKey, PinProblem> key;
  };
  /// Every name that has a file or is pinned according to the record, sorted.
  std::expected<std::vector<Pin>, FileError> list();
  /// The names pinned to `key` according to the record, sorted.
  std::vector<NodeName> names_of(const PublicKey& key) const;
  /// The hosts among those of `names` at which a key other than `key` has a name, according to the record.
  std::set<std::string> hosts_of_others(const PublicKey& key, std::span<const NodeName> names) const;
  /// How many names the record holds as pinned.
  std::size_t count() const { return record_.size(); }

 private:
  explicit TrustedKeys(std::filesystem::path key_dir) : key_dir_(std::move(key_dir)) {}
  struct Seen {  // the record's file when it was read last
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::filesystem::path file_of(const NodeName& name) const;
  std::expected<void, FileError> refresh();
  std::expected<std::vector<NodeName>, FileError> names_with_files() const;
  /// Holding the lock, with a record that was read under it.
  std::expected<void, FileError> append(const std::string& lines);
  std::expected<void, FileError> forget_history();
  std::expected<void, FileError> adopt_unrecorded();

  std::filesystem::path key_dir_;
  std::map<NodeName, std::string> record_;  // name -> fingerprint
  std::optional<Seen> seen_;
  std::set<std::pair<NodeName, PinError>> complained_;
};

}  // namespace bp2p
