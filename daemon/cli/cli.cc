#include "daemon/cli/cli.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

#include "daemon/cli/text_table.h"
#include "daemon/cli/verbs.h"
#include "daemon/nearest.h"

namespace bp2p {
namespace {

/// The words name a verb, and a verb of that one where it has some. Otherwise says what there is and gives false:
/// CLI11 would only say that a word is one too many, or one is missing.
bool has_verb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; !at->get_subcommands({}).empty(); ++i) {
    std::string verbs;
    std::vector<std::string> names;
    for (const CLI::App* verb : at->get_subcommands({})) {
      names.push_back(verb->get_name());
      verbs += (verbs.empty() ? "" : ", ") + names.back();
    }
    const std::string before = at == &app ? "barrel-p2pd" : "barrel-p2pd " + at->get_name();
    if (i >= argc) {
      std::cerr << before << ": which one? " << verbs << "; `" << before << " --help` has more\n";
      return false;
    }
    const std::string word = argv[i];
    if (word.starts_with('-')) return true;  // --help and its like; CLI11 knows them
    const auto found = std::ranges::find(names, word);
    if (found == names.end()) {
      const std::string meant = nearest(word, names);
      std::cerr << before << ": unknown command " << toml_text(cli::one_line(word)) << "; "
                << (meant.empty() ? "there are " + verbs : "did you mean " + toml_text(meant) + "?") << "\n";
      return false;
    }
    at = at->get_subcommand(word);
  }
  return true;
}

/// CLI11's own stops at the verbs of `keys` and `config`.
std::string help_for_all(const CLI::App& app, const std::string& before = "") {
  std::string text = app.help(before);
  for (const CLI::App* verb : app.get_subcommands({}))
    text += "\n" + help_for_all(*verb, before.empty() ? app.get_name() : before + " " + app.get_name());
  return text;
}

}  // namespace

int cli_main(int argc, char** argv, std::function<int(const RunOptions&)> run) {
  CLI::App app{"Erlang distribution between hosts over QUIC, authenticated by keys.", "barrel-p2pd"};
  app.require_subcommand(1);
  app.add_flag_callback("--help-all", [&app] {
    std::cout << help_for_all(app);
    throw CLI::Success{};
  }, "Help for every verb");
  app.set_version_flag("--version", "barrel-p2pd " BP2P_VERSION, "Prints the version");
  Exit exit = Exit::ok;
  int run_result = 0;
  cli::add_run(app, exit, run_result, std::move(run));
  cli::add_status(app, exit);
  cli::add_peers(app, exit);
  cli::add_members(app, exit);
  cli::add_graph(app, exit);
  cli::add_events(app, exit);
  cli::add_join(app, exit);
  cli::add_leave(app, exit);
  cli::add_keys(app, exit);
  cli::add_config(app, exit);
  cli::add_explain(app, exit);
  cli::add_version(app, exit);
  if (!has_verb(app, argc, argv)) return static_cast<int>(Exit::usage);
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
