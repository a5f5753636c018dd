#include <iostream>

#include "daemon/cli/config_option.h"
#include "daemon/cli/verbs.h"

namespace bp2p::cli {

void add_config(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("config", "The configuration: check it, see it");
  verb->require_subcommand(1);

  const auto checked = std::make_shared<ConfigOption>();
  CLI::App* check = verb->add_subcommand("check", "Says whether the configuration is good; exit 78 when it is not");
  checked->add_to(*check);
  check->callback([&exit, checked] {
    if (auto loaded = checked->load(); !loaded) exit = loaded.error();
    else std::cout << "the configuration is good\n";
  });

  const auto shown = std::make_shared<ConfigOption>();
  CLI::App* show = verb->add_subcommand("show", "Prints every key, its value, and where the value comes from");
  shown->add_to(*show);
  show->callback([&exit, shown] {
    if (auto loaded = shown->load(); !loaded) exit = loaded.error();
    else std::cout << shown_config(*loaded);
  });

  verb->add_subcommand("defaults", "Prints a configuration file with every key, its meaning and its default")
      ->callback([] { std::cout << commented_config(Config{}); });
}

}  // namespace bp2p::cli
