#include "daemon/cli/status_screen.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {

void add_status(CLI::App& app, Exit& exit) {
  const auto view = std::make_shared<ViewOption>();
  CLI::App* verb = app.add_subcommand("status", "Shows what the running daemon does, on one screen");
  view->add_to(*verb, "barrel-p2pd/status/1");
  verb->callback([&exit, view] { exit = show(*view, "/v1/status", "barrel-p2pd/status/1", status_screen); });
}

}  // namespace bp2p::cli
