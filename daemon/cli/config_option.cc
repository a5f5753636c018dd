#include "daemon/cli/config_option.h"

#include <iostream>

namespace bp2p::cli {

void ConfigOption::add_to(CLI::App& verb) {
  verb.add_option("-c,--config", file, std::string{"Configuration file (default "} + default_config_file +
                                           " when it is there)")
      ->type_name("FILE");
  verb.add_option("--set", sets, "Sets one key over the file's, for example --set auth.trust_mode=strict")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

std::filesystem::path ConfigOption::path() const {
  if (!file.empty()) return file;
  std::error_code ignored;
  return std::filesystem::exists(default_config_file, ignored) ? default_config_file : "";
}

std::expected<LoadedConfig, Exit> ConfigOption::load() const {
  auto loaded = load_config({.file = path(), .environment = barrel_environment(), .sets = sets});
  if (loaded) return std::move(*loaded);
  std::cerr << loaded.error().text() << "\n";
  return std::unexpected(Exit::wrong_config);
}

}  // namespace bp2p::cli
