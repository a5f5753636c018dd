#include <iostream>

#include "daemon/cli/cluster_drawing.h"
#include "daemon/cli/graph_drawing.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {

void add_graph(CLI::App& app, Exit& exit) {
  struct Words {
    ViewOption view;
    std::string format = "text";
    bool is_whole = false;
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("graph", "Draws this daemon and its neighbours, or the whole cluster");
  verb->add_option("--format", words->format, "text, dot (for Graphviz), svg or json (default text)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "dot", "svg", "json"}));
  verb->add_flag("--cluster", words->is_whole, "The whole cluster: every daemon is asked for its neighbours, which takes up to 6 s");
  words->view.add_to(*verb, "barrel-p2pd/graph/1; with --cluster barrel-p2pd/cluster_graph/1");
  verb->callback([&exit, words] {
    ViewOption view = words->view;
    view.as_json |= words->format == "json";
    if (words->is_whole) {
      const Screen drawing = words->format == "dot" ? cluster_dot : words->format == "svg" ? cluster_svg : cluster_text;
      exit = show(view, "/v1/graph/cluster", "barrel-p2pd/cluster_graph/1", drawing, std::chrono::seconds{10});
      return;
    }
    const Screen drawing = words->format == "dot" ? graph_dot : words->format == "svg" ? graph_svg : graph_text;
    exit = show(view, "/v1/graph", "barrel-p2pd/graph/1", drawing);
  });
}

}  // namespace bp2p::cli
