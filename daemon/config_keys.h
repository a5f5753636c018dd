// Every key of the configuration: where it is, what it means, how it is read and written. The loader, `config
// defaults`, `config show` and the shipped file all walk this table, so a key cannot be missing from one of them.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config_file.h"
#include "daemon/config_value.h"

namespace bp2p {

struct ConfigKey {
  std::string section;
  std::string name;
  std::string meaning;  ///< lines for a person; becomes the comment in the shipped file
  bool is_table = false;
  /// Reads into the configuration, or leaves it as it was. A table's entries are added to those it has.
  std::function<Read<std::monostate>(const toml::value&, Config&)> read;
  std::function<std::string(const Config&)> write;

  std::string path() const { return section + "." + name; }
};

/// In the order of the shipped file; the keys of a section are together, its tables last.
const std::vector<ConfigKey>& config_key_table();

/// What a section is about, for the shipped file.
std::string_view section_meaning(std::string_view section);

}  // namespace bp2p
