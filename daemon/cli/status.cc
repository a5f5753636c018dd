#include <iostream>
#include <nlohmann/json.hpp>

#include "daemon/cli/config_option.h"
#include "daemon/cli/control_client.h"
#include "daemon/cli/status_screen.h"
#include "daemon/cli/verbs.h"

namespace bp2p::cli {
namespace {

using json = nlohmann::ordered_json;

Exit say(Exit exit, const std::string& text) {
  std::cerr << "barrel-p2pd: " << text << "\n";
  return exit;
}

}  // namespace

void add_status(CLI::App& app, Exit& exit) {
  struct Words {
    ConfigOption config;
    std::string socket;
    bool as_json = false;
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("status", "Shows what the running daemon does, on one screen");
  words->config.add_to(*verb);
  verb->add_option("--socket", words->socket, "The daemon's control socket (default: the configuration's)")
      ->type_name("PATH");
  verb->add_flag("--json", words->as_json, "As JSON (schema barrel-p2pd/status/1)");
  verb->callback([&exit, words] {
    std::filesystem::path socket = words->socket;
    if (socket.empty()) {
      auto loaded = words->config.load();
      if (!loaded) {
        exit = loaded.error();
        return;
      }
      socket = loaded->config.host.control_socket;
    }
    const auto body = get(socket, "/v1/status");
    if (!body) {
      exit = say(body.error().exit, body.error().text);
      return;
    }
    const json status = json::parse(*body, nullptr, /*allow_exceptions=*/false);
    const bool ours = status.is_object() && status.contains("schema") && status["schema"] == "barrel-p2pd/status/1";
    if (!ours) exit = say(Exit::bad_data, socket.string() + ": the answer is not a status of this version");
    else if (words->as_json) std::cout << *body;
    else std::cout << status_screen(status);
  });
}

}  // namespace bp2p::cli
