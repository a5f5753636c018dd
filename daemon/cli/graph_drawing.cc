#include "daemon/cli/graph_drawing.h"

#include <cmath>
#include <format>
#include <numbers>

#include "daemon/cli/drawing_parts.h"

namespace bp2p::cli {
namespace {

std::string own_label(const json& graph) {
  const json& self = member(graph, "self");
  const std::string host = text(member(self, "host"));
  return list(self, "names").empty() ? host : host + " (" + joined(list(self, "names"), " ") + ")";
}

}  // namespace

std::string graph_text(const json& graph) {
  const json& neighbours = list(graph, "neighbours");
  std::string out = own_label(graph) + "  cluster " + text(member(graph, "cluster")) + ", " +
                    std::to_string(neighbours.size()) + " of " + text(member(graph, "neighbours_wanted")) + " neighbours\n";
  for (std::size_t i = 0; i < neighbours.size(); ++i)
    out += std::string{i + 1 < neighbours.size() ? "├── " : "└── "} + names_of(neighbours[i]) + "  " +
           text(member(neighbours[i], "direction")) + "  " + round_trip(member(neighbours[i], "rtt_us")) + "  " +
           text(member(neighbours[i], "fingerprint")) + "\n";
  return out;
}

std::string graph_dot(const json& graph) {
  const std::string self = in_dot(text(member(member(graph, "self"), "fingerprint")));
  std::string out = "graph " + in_dot(text(member(graph, "cluster"))) + " {\n  " + self + " [label=" +
                    in_dot(own_label(graph)) + ", shape=box];\n";
  for (const json& each : list(graph, "neighbours")) {
    const std::string key = in_dot(text(member(each, "fingerprint")));
    out += "  " + key + " [label=" + in_dot(label_of(each)) + "];\n  " + self + " -- " + key + " [label=" +
           in_dot(round_trip(member(each, "rtt_us"))) + "];\n";
  }
  return out + "}\n";
}

std::string graph_svg(const json& graph) {
  constexpr double width = 720, height = 480, x0 = width / 2, y0 = height / 2, across = 240, down = 170;
  const json& neighbours = list(graph, "neighbours");
  std::string lines, boxes;
  const auto box = [&](double x, double y, const std::string& label, const char* fill) {
    boxes += std::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"8\" fill=\"{}\"/>\n"
                         "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                         x, y, fill, x, y + 26, in_xml(label));
  };
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(neighbours.size()) - std::numbers::pi / 2;
    const double x = x0 + across * std::cos(angle), y = y0 + down * std::sin(angle);
    lines += std::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#888\"/>\n"
                         "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" fill=\"#888\">{}</text>\n",
                         x0, y0, x, y, (x0 + x) / 2, (y0 + y) / 2 - 4, in_xml(round_trip(member(neighbours[i], "rtt_us"))));
    box(x, y, label_of(neighbours[i]), "#4a78b5");
  }
  box(x0, y0, own_label(graph), "#c0504d");
  return std::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" font-size=\"13\">\n"
                     "<title>{}</title>\n{}{}</svg>\n",
                     static_cast<int>(width), static_cast<int>(height), in_xml("cluster " + text(member(graph, "cluster"))), lines, boxes);
}

}  // namespace bp2p::cli
