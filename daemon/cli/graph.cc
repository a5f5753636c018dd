#include <iostream>

#include "daemon/cli/graph_drawing.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {

void add_graph(CLI::App& app, Exit& exit) {
  struct Words {
    ViewOption view;
    std::string format = "text";
  };
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("graph", "Draws this daemon and its neighbours");
  verb->add_option("--format", words->format, "text, dot (for Graphviz), svg or json (default text)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "dot", "svg", "json"}));
  words->view.add_to(*verb, "barrel-p2pd/graph/1");
  verb->callback([&exit, words] {
    ViewOption view = words->view;
    view.as_json |= words->format == "json";
    const Screen drawing = words->format == "dot" ? graph_dot : words->format == "svg" ? graph_svg : graph_text;
    exit = show(view, "/v1/graph", "barrel-p2pd/graph/1", drawing);
  });
}

}  // namespace bp2p::cli
