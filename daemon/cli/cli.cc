#include "daemon/cli/cli.h"

#include <CLI/CLI.hpp>

#include <iostream>

#include "daemon/cli/verbs.h"

namespace bp2p {

int cli_main(int argc, char** argv, std::function<int(const RunOptions&)> run) {
  CLI::App app{"Erlang distribution between hosts over QUIC, authenticated by keys.", "barrel-p2pd"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help for every verb");
  Exit exit = Exit::ok;
  int run_result = 0;
  cli::add_run(app, exit, run_result, std::move(run));
  cli::add_status(app, exit);
  cli::add_keys(app, exit);
  cli::add_config(app, exit);
  cli::add_explain(app, exit);
  cli::add_version(app, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help that was asked for is a result; everything else is a mistake in the words.
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "barrel-p2pd: the output could not be written\n";
    return static_cast<int>(Exit::file_trouble);
  }
  return exit == Exit::ok ? run_result : static_cast<int>(exit);
}

}  // namespace bp2p
