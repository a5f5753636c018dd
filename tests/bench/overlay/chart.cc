#include "tests/bench/overlay/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

namespace bp2p::bench {
namespace {

// Okabe and Ito: told apart by those who do not see all colours, too.
constexpr std::array colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

constexpr double width = 720, height = 420, left = 70, right = 20, top = 50, bottom = 55;
constexpr double legend_line = 20;

/// An axis from zero to `most`, with a tick every `step`.
struct Axis {
  double most, step;
};

/// About six ticks at 1, 2 or 5 times a power of ten.
Axis axis_for(double largest) {
  if (largest <= 0) return {1, 0.2};
  const double rough = largest / 6, power = std::pow(10, std::floor(std::log10(rough)));
  const double digit = rough / power;
  const double step = power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
  return {step * std::ceil(largest / step - 1e-9), step};
}

std::string number(double value) { return std::format("{:.6g}", value); }

std::string escaped(const std::string& plain) {
  std::string out;
  for (const char c : plain) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string{c};
  return out;
}

std::string label(double x, double y, const char* attributes, const std::string& what) {
  return std::format("<text x=\"{:.6g}\" y=\"{:.6g}\" {}>{}</text>\n", x, y, attributes, escaped(what));
}

std::string line(double x1, double y1, double x2, double y2, const std::string& attributes) {
  return std::format("<line x1=\"{:.6g}\" y1=\"{:.6g}\" x2=\"{:.6g}\" y2=\"{:.6g}\" {}/>\n", x1, y1, x2, y2, attributes);
}

}  // namespace

std::string svg(const Chart& chart) {
  double x_most = 0, y_most = 0;
  for (const Curve& curve : chart.curves)
    for (const Point& point : curve.points) {
      x_most = std::max(x_most, point.x);
      y_most = std::max(y_most, point.y);
    }
  const Axis x_axis = axis_for(x_most), y_axis = axis_for(y_most);
  // The legend stands above the plot's frame, so that no curve runs through it; two names to a line.
  const double legend_rows = std::ceil(static_cast<double>(chart.curves.size()) / 2);
  const double plot_top = top + legend_rows * legend_line, total = height + legend_rows * legend_line;
  const double plot_bottom = total - bottom, plot_right = width - right;
  const auto at_x = [&](double x) { return left + (plot_right - left) * x / x_axis.most; };
  const auto at_y = [&](double y) { return plot_bottom - (plot_bottom - plot_top) * y / y_axis.most; };

  std::string out = std::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      width, total);
  out += label(left, 26, "font-size=\"16\" font-weight=\"bold\"", chart.title);
  for (std::size_t i = 0; i <= static_cast<std::size_t>(std::llround(x_axis.most / x_axis.step)); ++i) {
    const double value = static_cast<double>(i) * x_axis.step;
    out += line(at_x(value), plot_bottom, at_x(value), plot_bottom + 5, "stroke=\"#222\"");
    out += label(at_x(value), plot_bottom + 20, "text-anchor=\"middle\"", number(value));
  }
  for (std::size_t i = 0; i <= static_cast<std::size_t>(std::llround(y_axis.most / y_axis.step)); ++i) {
    const double value = static_cast<double>(i) * y_axis.step;
    out += line(left, at_y(value), plot_right, at_y(value), i == 0 ? "stroke=\"#222\"" : "stroke=\"#ddd\"");
    out += label(left - 8, at_y(value) + 4, "text-anchor=\"end\"", number(value));
  }
  out += line(left, plot_top, left, plot_bottom, "stroke=\"#222\"");
  out += label((left + plot_right) / 2, total - 12, "text-anchor=\"middle\"", chart.x);
  out += std::format("<g transform=\"translate(18 {}) rotate(-90)\">{}</g>\n", (plot_top + plot_bottom) / 2,
                     label(0, 0, "text-anchor=\"middle\"", chart.y));

  for (std::size_t i = 0; i < chart.curves.size(); ++i) {
    const Curve& curve = chart.curves[i];
    const std::string colour = colours[i % colours.size()];
    std::string path, dots;
    for (const Point& point : curve.points) {
      const double x = at_x(point.x), y = at_y(point.y);
      path += std::format("{:.6g},{:.6g} ", x, y);
      // Where they would touch, the line says it all.
      if (curve.points.size() > 25) continue;
      dots += std::format("<circle cx=\"{:.6g}\" cy=\"{:.6g}\" r=\"3.5\" fill=\"{}\"/>\n", x, y, colour);
    }
    // Those drawn first are wider: where curves coincide, all are seen.
    const double thick = 2 + 1.5 * static_cast<double>(chart.curves.size() - 1 - i);
    out += std::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" points=\"{}\"/>\n", colour, thick, path);
    out += dots;
    const double legend_x = left + (i % 2 == 0 ? 0 : (plot_right - left) / 2);
    const double legend_y = top + static_cast<double>(i / 2) * legend_line;
    out += line(legend_x, legend_y - 4, legend_x + 22, legend_y - 4, "stroke=\"" + colour + "\" stroke-width=\"3\"");
    out += label(legend_x + 30, legend_y, "", curve.name);
  }
  return out + "</svg>\n";
}

}  // namespace bp2p::bench
