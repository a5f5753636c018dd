#include "tests/bench/overlay/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace bp2p::bench {
namespace {

/// Digits enough to compare by; none that are noise.
std::string text(double value) {
  const double size = std::abs(value);
  const bool whole = value == std::round(value);
  const int digits = whole || size >= 1'000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 5;
  return std::format("{:.{}f}", value, digits);
}

std::string text(const Gate& gate) {
  if (gate.least == gate.most) return text(gate.most);
  if (!std::isfinite(gate.least)) return "<= " + text(gate.most);
  if (!std::isfinite(gate.most)) return ">= " + text(gate.least);
  return text(gate.least) + " - " + text(gate.most);
}

std::string quoted(const std::string& plain) {
  std::string out = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string number(double value) { return std::format("{:.10g}", value); }

}  // namespace

double Report::Row::mean() const {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

bool Report::Row::is_met() const {
  return !figure.gate || std::ranges::all_of(values, [this](double value) {
    return value >= figure.gate->least && value <= figure.gate->most;
  });
}

void Report::add(const Figure& figure, double value) {
  auto row = std::ranges::find(rows_, figure.name, [](const Row& r) -> const std::string& { return r.figure.name; });
  if (row == rows_.end()) row = rows_.insert(rows_.end(), Row{section_, figure, {}});
  row->values.push_back(value);
}

void Report::draw(const Picture& picture, const std::string& curve, double x, double y) {
  auto drawn = std::ranges::find(drawn_, picture.file, [](const Drawn& d) { return d.picture.file; });
  if (drawn == drawn_.end()) drawn = drawn_.insert(drawn_.end(), Drawn{picture, {}});
  auto line = std::ranges::find(drawn->curves, curve, &Drawn::Curve::name);
  if (line == drawn->curves.end()) line = drawn->curves.insert(drawn->curves.end(), Drawn::Curve{curve, {}});
  auto point = std::ranges::find(line->points, x, &Drawn::Curve::Sum::x);
  if (point == line->points.end()) point = line->points.insert(line->points.end(), {x, 0, 0});
  point->y += y;
  ++point->count;
}

std::size_t Report::missed() const {
  return static_cast<std::size_t>(std::ranges::count_if(rows_, [](const Row& row) { return !row.is_met(); }));
}

void Report::print(std::ostream& out) const {
  const auto line = [&](const std::array<std::string, 7>& cell) {
    out << std::format("| {:66} | {:9} | {:9} | {:15} | {:9} | {:17} | {:6} |\n", cell[0], cell[1], cell[2], cell[3], cell[4],
                       cell[5], cell[6]);
  };
  const std::string* section = nullptr;
  for (const Row& row : rows_) {
    if (section == nullptr || *section != row.section) {
      out << "\n" << row.section << "\n\n";
      line({"figure", "unit", "paper", "gate", "barrel", "least - most", ""});
      out << "|---|---|---|---|---|---|---|\n";
      section = &row.section;
    }
    const Figure& figure = row.figure;
    const auto [least, most] = std::ranges::minmax(row.values);
    line({figure.name, figure.unit, figure.paper ? text(*figure.paper) : "-", figure.gate ? text(*figure.gate) : "-",
          text(row.mean()), least == most ? "" : text(least) + " - " + text(most),
          !figure.gate ? "" : row.is_met() ? "met" : "MISSED"});
  }
}

void Report::write_json(std::ostream& out, const std::string& machine) const {
  out << R"({"bench": "overlay", "machine": )" << quoted(machine) << ",\n \"rows\": [";
  const char* comma = "\n  ";
  const auto row_of = [&](const Row& row, const char* variant, double value) {
    out << comma << R"({"case": )" << quoted(row.figure.name) << R"(, "variant": ")" << variant << R"(", "value": )"
        << number(value) << R"(, "unit": )" << quoted(row.figure.unit) << "}";
    comma = ",\n  ";
  };
  for (const Row& row : rows_) {
    if (row.figure.paper) row_of(row, "paper", *row.figure.paper);
    if (const auto& gate = row.figure.gate) {
      const bool two_ends = std::isfinite(gate->least) && std::isfinite(gate->most) && gate->least != gate->most;
      if (two_ends) row_of(row, "gate_least", gate->least);
      row_of(row, "gate", std::isfinite(gate->most) ? gate->most : gate->least);
    }
    row_of(row, "barrel", row.mean());
  }
  out << "],\n \"ratios\": [";
  comma = "\n  ";
  for (const Row& row : rows_) {
    if (!row.figure.paper || *row.figure.paper == 0) continue;
    out << comma << R"({"case": )" << quoted(row.figure.name) << R"(, "over": "paper", "value": )"
        << number(row.mean() / *row.figure.paper) << "}";
    comma = ",\n  ";
  }
  out << "]}\n";
}

void Report::write_pictures(const std::string& folder) const {
  for (const Drawn& drawn : drawn_) {
    Chart chart{std::string{drawn.picture.title}, std::string{drawn.picture.x}, std::string{drawn.picture.y}, {}};
    for (const Drawn::Curve& curve : drawn.curves) {
      chart.curves.push_back({curve.name, {}});
      for (const auto& point : curve.points)
        chart.curves.back().points.push_back({point.x, point.y / static_cast<double>(point.count)});
      std::ranges::sort(chart.curves.back().points, {}, &Point::x);
    }
    const std::string path = folder + "/" + std::string{drawn.picture.file} + ".svg";
    std::ofstream file{path};
    file << svg(chart) << std::flush;
    if (!file) throw std::runtime_error("cannot write " + path);
  }
}

}  // namespace bp2p::bench
