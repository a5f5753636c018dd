#include "daemon/cli/peers_screen.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {

void add_peers(CLI::App& app, Exit& exit) {
  struct Words {
    ViewOption view;
    std::string whom;
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("peers", "Shows the daemons that this one is linked with or knows as spares; with NODE, what was tried to reach it");
  verb->add_option("NODE", words->whom, "A node's name, an address with its port, or a key's fingerprint");
  words->view.add_to(*verb, "barrel-p2pd/peers/1, with NODE barrel-p2pd/peer/1");
  verb->callback([&exit, words] {
    exit = words->whom.empty() ? show(words->view, "/v1/peers", "barrel-p2pd/peers/1", peers_screen)
                               : show(words->view, "/v1/peers/" + percent_encoded(words->whom), "barrel-p2pd/peer/1", peer_screen);
  });
}

void add_members(CLI::App& app, Exit& exit) {
  const auto view = std::make_shared<ViewOption>();
  CLI::App* verb = app.add_subcommand("members", "Lists the cluster's daemons that this one knows, and who of them lives");
  view->add_to(*verb, "barrel-p2pd/members/1");
  verb->callback([&exit, view] { exit = show(*view, "/v1/members", "barrel-p2pd/members/1", members_screen); });
}

}  // namespace bp2p::cli
