// A chart of lines as an SVG picture: axes, ticks, a legend. Nothing that a browser or a README would have to fetch.
#pragma once
#include <string>
#include <vector>

namespace bp2p::bench {

struct Point {
  double x, y;
};
struct Curve {
  std::string name;
  std::vector<Point> points;  ///< ascending x
};
struct Chart {
  std::string title, x, y;  ///< of the axes: what, and in which unit
  std::vector<Curve> curves;
};

/// A whole SVG file. Both axes begin at zero.
std::string svg(const Chart& chart);

}  // namespace bp2p::bench
