#include <iostream>

#include "daemon/cli/verbs.h"

namespace bp2p::cli {

void add_version(CLI::App& app, Exit&) {
  app.add_subcommand("version", "Prints the version")->callback([] {
    std::cout << "barrel-p2pd " << BP2P_VERSION << "\n";
  });
}

}  // namespace bp2p::cli
