// What verbs have in common that ask the running daemon: where it is, --json, --watch, and how its JSON is read.
#pragma once
#include <CLI/CLI.hpp>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "daemon/cli/cli.h"
#include "daemon/cli/config_option.h"
#include "proto/base/now.h"

namespace bp2p::cli {

/// --config, --set and --socket.
struct DaemonOption {
  ConfigOption config;
  std::string socket_text;

  void add_to(CLI::App& verb);
  /// The control socket. Says on stderr what is wrong with the configuration.
  std::expected<std::filesystem::path, Exit> socket() const;
};

/// These, --json, --watch and --every.
struct ViewOption {
  DaemonOption daemon;
  bool as_json = false;
  bool watch = false;
  double every_s = 2;

  /// `schema` is for the help.
  void add_to(CLI::App& verb, const std::string& schema);
};

/// `barrel-p2pd: TEXT` on stderr.
Exit say(Exit exit, const std::string& text);

/// Asks for `path` and prints the answer, as it came or as `screen` makes it; with --watch again and again, until the
/// daemon does not answer in `patience`. An answer that has another schema ends it with bad_data.
using Screen = std::function<std::string(const nlohmann::ordered_json&)>;
Exit show(const ViewOption& option, const std::string& path, const std::string& schema, const Screen& screen,
          Duration patience = std::chrono::seconds{5});

/// `app@db1` as a part of a path.
std::string percent_encoded(const std::string& text);

// An answer is read without trust in its shape: what is missing or of another type shows as `-`, and no control character
// gets through.
using json = nlohmann::ordered_json;
const json& member(const json& object, const char* key);  ///< null when it is not there
const json& list(const json& object, const char* key);    ///< empty when it is none
std::string text(const json& value);
std::string span(const json& ms);
std::string bytes(const json& count);
std::string round_trip(const json& us);
std::string percent(const json& share);
std::string joined(const json& texts, const char* between);
std::string text_or(const json& value, const char* otherwise);
/// The names of a daemon's nodes.
std::string names_of(const json& daemon);

}  // namespace bp2p::cli
