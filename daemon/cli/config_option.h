// --config and --set, which most verbs share.
#pragma once
#include <CLI/CLI.hpp>

#include <expected>
#include <string>
#include <vector>

#include "daemon/cli/cli.h"

namespace bp2p::cli {

inline constexpr const char* default_config_file = "/etc/barrel-p2p/barrel-p2pd.toml";

struct ConfigOption {
  std::string file;               ///< empty: the default one if it is there, else the code's defaults
  std::vector<std::string> sets;

  void add_to(CLI::App& verb);
  /// The file that counts; empty: none.
  std::filesystem::path path() const;
  /// Says on stderr what is wrong.
  std::expected<LoadedConfig, Exit> load() const;
};

}  // namespace bp2p::cli
