#include <iostream>

#include "daemon/cli/control_client.h"
#include "daemon/cli/event_line.h"
#include "daemon/cli/text_table.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {
namespace {

std::string event_lines(const json& answer) {
  std::string out;
  for (const json& event : list(answer, "events")) out += event_line(event);
  return out.empty() ? "nothing has happened\n" : out;
}

}  // namespace

std::string event_line(const json& event) {
  std::string out = text(member(event, "time")) + " " + text(member(event, "level")) + " " + text(member(event, "event")) +
                    "  " + text(member(event, "text"));
  if (event.is_object())
    for (const auto& [key, value] : event.items())
      if (key != "time" && key != "level" && key != "event" && key != "text")
        out += " " + one_line(key) + "=" + (value.is_string() ? json(text(value)).dump() : text(value));
  return out + "\n";
}

void add_events(CLI::App& app, Exit& exit) {
  struct Words {
    DaemonOption daemon;
    bool follow = false, as_json = false;
    std::string level = "info";
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("events", "Shows what happened last; with -f, what happens from now on");
  words->daemon.add_to(*verb);
  verb->add_flag("-f,--follow", words->follow, "What happens from now on, until the daemon stops");
  verb->add_option("--level", words->level, "With -f: debug, info, warning or error, and whatever is graver (default info)")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  verb->add_flag("--json", words->as_json, "As JSON (schema barrel-p2pd/events/1; with -f an event a line)");
  verb->callback([&exit, words] {
    if (!words->follow) {
      exit = show({.daemon = words->daemon, .as_json = words->as_json}, "/v1/events", "barrel-p2pd/events/1", event_lines);
      return;
    }
    const auto socket = words->daemon.socket();
    if (!socket) {
      exit = socket.error();
      return;
    }
    const auto on_line = [&](std::string_view line) {
      const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (words->as_json) std::cout << line << "\n";
      else std::cout << event_line(event);
      std::cout.flush();
      return static_cast<bool>(std::cout);
    };
    const auto followed = follow(*socket, "/v1/events?follow&level=" + words->level, on_line);
    if (!followed) exit = say(followed.error().exit, followed.error().text);
  });
}

}  // namespace bp2p::cli
