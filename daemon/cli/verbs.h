// What each verb adds to the tree. A verb's callback sets `exit`.
#pragma once
#include <CLI/CLI.hpp>

#include <functional>

#include "daemon/cli/cli.h"

namespace bp2p::cli {

void add_run(CLI::App& app, Exit& exit, int& run_result, std::function<int(const RunOptions&)> run);
void add_status(CLI::App& app, Exit& exit);
void add_peers(CLI::App& app, Exit& exit);
void add_members(CLI::App& app, Exit& exit);
void add_graph(CLI::App& app, Exit& exit);
void add_events(CLI::App& app, Exit& exit);
void add_join(CLI::App& app, Exit& exit);
void add_leave(CLI::App& app, Exit& exit);
void add_keys(CLI::App& app, Exit& exit);
void add_config(CLI::App& app, Exit& exit);
void add_explain(CLI::App& app, Exit& exit);
void add_version(CLI::App& app, Exit& exit);

}  // namespace bp2p::cli
