#include <iostream>

#include "daemon/cli/config_option.h"
#include "daemon/cli/verbs.h"

namespace bp2p::cli {

void add_run(CLI::App& app, Exit& exit, int& run_result, std::function<int(const RunOptions&)> run) {
  struct Words {
    ConfigOption config;
    bool check = false;
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("run", "Runs the daemon in the foreground; SIGTERM stops it");
  words->config.add_to(*verb);
  verb->add_flag("--check", words->check, "Only reads the configuration and says whether it is good");
  verb->callback([&exit, &run_result, words, run = std::move(run)] {
    auto loaded = words->config.load();
    if (!loaded) {
      exit = loaded.error();
    } else if (words->check) {
      std::cout << "the configuration is good\n";
    } else {
      run_result = run({.config = std::move(loaded->config), .config_file = words->config.path()});
    }
  });
}

}  // namespace bp2p::cli
