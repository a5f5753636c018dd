#include "daemon/cli/cluster_drawing.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <map>
#include <numbers>
#include <vector>

#include "daemon/cli/drawing_parts.h"
#include "daemon/cli/text_table.h"

namespace bp2p::cli {
namespace {

struct Daemon {
  std::string key;    ///< fingerprint
  std::string label;  ///< all its nodes
  std::string name;   ///< one of them: among the neighbours of others
  std::string brief;  ///< one of them, and how many more
  bool is_self = false;
  bool has_answered = false;
  bool was_asked = false;
};
struct Edge {
  std::size_t from, to;  ///< places in the list of daemons
  bool is_one_sided = false;
};
struct Cluster {
  std::vector<Daemon> daemons;
  std::vector<Edge> edges;
};

Cluster read(const json& graph) {
  Cluster out;
  std::map<std::string, std::size_t> places;
  for (const json& each : list(graph, "daemons")) {
    const json& names = list(each, "names");
    const std::string answer = text(member(each, "answer"));
    const std::string name = names.empty() ? short_key(each) : text(names.front());
    out.daemons.push_back({.key = text(member(each, "fingerprint")), .label = label_of(each), .name = name,
                           .brief = names.size() > 1 ? name + " +" + std::to_string(names.size() - 1) : name,
                           .is_self = member(each, "self") == true, .has_answered = answer == "given", .was_asked = answer != "not_asked"});
    places.emplace(out.daemons.back().key, out.daemons.size() - 1);
  }
  for (const json& each : list(graph, "links")) {
    const auto from = places.find(text(member(each, "from"))), to = places.find(text(member(each, "to")));
    if (from != places.end() && to != places.end())
      out.edges.push_back({from->second, to->second, member(each, "one_sided") == true});
  }
  return out;
}

std::string counted(const json& count, const char* what) {
  return text(count) + " " + what + (count == 1 ? "" : "s");
}

/// `cluster default: 12 daemons, 30 links, 1 component, longest distance 3`
std::string summary(const json& graph) {
  const json& counts = member(graph, "counts");
  std::string out = "cluster " + text(member(graph, "cluster")) + ": " + counted(member(counts, "daemons"), "daemon") + ", " +
                    counted(member(counts, "links"), "link");
  if (const json& one_sided = member(counts, "one_sided"); one_sided.is_number() && one_sided != 0) out += " (" + text(one_sided) + " one-sided)";
  return out + ", " + counted(member(counts, "components"), "component") + ", longest distance " + text(member(counts, "longest_distance"));
}

std::string note_of(const Daemon& daemon) {
  return daemon.has_answered ? "" : daemon.was_asked ? "did not answer" : "was not asked";
}

/// At most so many characters, of UTF-8.
std::string shortened(const std::string& label, std::size_t characters) {
  std::size_t count = 0, end = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if ((label[i] & 0xc0) == 0x80) continue;
    if (++count == characters) end = i;
    if (count > characters) return label.substr(0, end) + "…";
  }
  return label;
}

std::size_t width_of(const std::string& label) {
  return static_cast<std::size_t>(std::ranges::count_if(label, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string cluster_text(const json& graph) {
  const Cluster cluster = read(graph);
  std::vector<std::vector<std::string>> neighbours(cluster.daemons.size());
  std::vector<std::size_t> links(cluster.daemons.size());
  bool has_one_sided = false;
  for (const Edge& edge : cluster.edges) {
    const Daemon &from = cluster.daemons[edge.from], &to = cluster.daemons[edge.to];
    neighbours[edge.from].push_back(to.name + (edge.is_one_sided ? "!" : ""));
    ++links[edge.from];
    has_one_sided |= edge.is_one_sided;
    if (edge.is_one_sided) continue;
    neighbours[edge.to].push_back(from.name);
    ++links[edge.to];
  }
  TextTable table{{{"DAEMON"}, {"LINKS", true}, {"NEIGHBOURS"}}};
  std::size_t silent = 0, left_out = 0;
  for (std::size_t i = 0; i < cluster.daemons.size(); ++i) {
    const Daemon& daemon = cluster.daemons[i];
    std::ranges::sort(neighbours[i]);
    std::string line;
    for (const std::string& each : neighbours[i]) line += (line.empty() ? "" : " ") + each;
    if (!daemon.has_answered) {
      ++(daemon.was_asked ? silent : left_out);
      line = note_of(daemon) + (line.empty() ? "" : "; neighbour of " + line);
    }
    table.add({daemon.label + (daemon.is_self ? " (this one)" : ""), std::to_string(links[i]), line});
  }
  std::string out = summary(graph) + "\n";
  if (silent > 0 || left_out > 0) {
    out += silent > 0 ? std::to_string(silent) + " did not answer" : "";
    out += left_out > 0 ? std::string{silent > 0 ? ", " : ""} + std::to_string(left_out) + (left_out == 1 ? " was" : " were") + " not asked" : "";
    out += ": what is shown of them is what the others say\n";
  }
  const json& members = member(member(graph, "counts"), "members");
  if (members.is_number() && members > cluster.daemons.size()) out += "this daemon knows " + text(members) + " living members\n";
  out += table.text();
  if (has_one_sided) out += "! one-sided: that daemon does not have this one as a neighbour\n";
  return out;
}

std::string cluster_dot(const json& graph) {
  const Cluster cluster = read(graph);
  std::string out = "graph " + in_dot(text(member(graph, "cluster"))) + " {\n  layout=neato; overlap=false;\n";
  for (const Daemon& each : cluster.daemons)
    out += "  " + in_dot(each.key) + " [label=" + in_dot(each.label) + (each.is_self ? ", shape=box" : "") +
           (each.has_answered ? "" : ", style=dashed") + "];\n";
  for (const Edge& edge : cluster.edges)
    out += "  " + in_dot(cluster.daemons[edge.from].key) + " -- " + in_dot(cluster.daemons[edge.to].key) +
           (edge.is_one_sided ? " [dir=forward, style=dashed]" : "") + ";\n";
  return out + "}\n";
}

std::string cluster_svg(const json& graph) {
  constexpr double character = 8, font = 13;    // pixels; most sans-serif fonts are narrower
  constexpr double top = 70;                    // for the summary
  constexpr std::size_t label_max = 32;
  constexpr std::size_t upright_max = 16;       // daemons; of more, labels are written outwards
  const Cluster cluster = read(graph);
  const std::string title = summary(graph);
  const bool is_upright = cluster.daemons.size() <= upright_max;
  const auto count = static_cast<double>(std::max<std::size_t>(cluster.daemons.size(), 1));
  std::size_t longest = 0;
  for (const Daemon& each : cluster.daemons) longest = std::max(longest, std::min(width_of(each.brief), label_max));
  // A label written outwards needs a line's height of the circle.
  const double radius = std::max(is_upright ? 160.0 : 200.0, count * (font + 5) / (2 * std::numbers::pi));
  const double beside = static_cast<double>(longest) * character + 30, above = is_upright ? 40 : beside;
  const double width = std::max(2 * (radius + beside), static_cast<double>(std::max<std::size_t>(width_of(title), 80)) * character + 32);
  const double height = top + 2 * (radius + above);
  const double x0 = width / 2, y0 = top + radius + above;
  struct Place {
    double x, y;
  };
  const auto angle_of = [&](std::size_t i) { return 2 * std::numbers::pi * static_cast<double>(i) / count - std::numbers::pi / 2; };
  const auto place_of = [&](std::size_t i, double distance) {
    return Place{x0 + distance * std::cos(angle_of(i)), y0 + distance * std::sin(angle_of(i))};
  };

  std::string legend = "red: this daemon", lines, marks;
  if (std::ranges::any_of(cluster.daemons, [](const Daemon& each) { return !each.has_answered; }))
    legend += "; hollow: did not answer, or was not asked";
  if (std::ranges::any_of(cluster.edges, &Edge::is_one_sided)) legend += "; dashed: only the daemon at its beginning has the link";
  for (const Edge& edge : cluster.edges) {
    // Bent towards the middle, so that lines between those that are close on the circle are seen apart.
    constexpr double bend = 0.35;
    const Place from = place_of(edge.from, radius), to = place_of(edge.to, radius);
    const Place towards{(from.x + to.x) / 2 * (1 - bend) + x0 * bend, (from.y + to.y) / 2 * (1 - bend) + y0 * bend};
    lines += std::format("<path d=\"M{:.1f},{:.1f} Q{:.1f},{:.1f} {:.1f},{:.1f}\"{}><title>{}</title></path>\n", from.x, from.y, towards.x,
                         towards.y, to.x, to.y, edge.is_one_sided ? " class=\"one\"" : "",
                         in_xml(cluster.daemons[edge.from].name + (edge.is_one_sided ? " → " : " – ") + cluster.daemons[edge.to].name));
  }
  for (std::size_t i = 0; i < cluster.daemons.size(); ++i) {
    const Daemon& each = cluster.daemons[i];
    const Place dot = place_of(i, radius), label = place_of(i, radius + 14);
    const double across = std::cos(angle_of(i));
    const bool is_left = across < -1e-9;
    std::string turn;  // outwards, and never upside down
    if (!is_upright) turn = std::format(" rotate({:.1f})", angle_of(i) * 180 / std::numbers::pi + (is_left ? 180 : 0));
    const char* anchor = is_upright && std::abs(across) < 0.1 ? "middle" : is_left ? "end" : "start";
    const std::string note = note_of(each);
    marks += std::format("<g class=\"{}\"><title>{}</title><circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"6\"/>"
                         "<text transform=\"translate({:.1f},{:.1f}){}\" dy=\"0.35em\" text-anchor=\"{}\">{}</text></g>\n",
                         each.is_self ? "self" : each.has_answered ? "answered" : "silent",
                         in_xml(each.label + "  " + each.key + (note.empty() ? "" : "  " + note)), dot.x, dot.y, label.x, label.y, turn, anchor,
                         in_xml(shortened(each.brief, label_max)));
  }
  return std::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"{2:.0f}\">\n"
                     "<style>\npath {{ fill: none; stroke: #999 }}\npath.one {{ stroke: #d07000; stroke-width: 2; stroke-dasharray: 5 4; marker-end: url(#to) }}\n"
                     "circle {{ fill: #4a78b5; stroke: #4a78b5; stroke-width: 1.5 }}\n.self circle {{ fill: #c0504d; stroke: #c0504d }}\n"
                     ".silent circle {{ fill: #fff; stroke: #999 }}\n.silent text {{ fill: #777 }}\n</style>\n"
                     "<marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"13\" refY=\"4\" markerWidth=\"12\" markerHeight=\"12\" "
                     "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><polygon points=\"0,0 8,4 0,8\" fill=\"#d07000\"/></marker>\n"
                     "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
                     "<text x=\"16\" y=\"28\">{3}</text>\n<text x=\"16\" y=\"48\" fill=\"#777\">{4}</text>\n{5}{6}</svg>\n",
                     width, height, font, in_xml(title), in_xml(legend), lines, marks);
}

}  // namespace bp2p::cli
