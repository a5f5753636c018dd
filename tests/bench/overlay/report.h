// What the figures of a run are gathered in: per figure the values of all seeds beside the paper's and the gate; per
// picture its curves. At the end it becomes a table, a JSON file and pictures.
#pragma once
#include <iosfwd>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/overlay/chart.h"

namespace bp2p::bench {

/// What a value has to be, both ends included.
struct Gate {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};
inline Gate at_least(double value) { return {.least = value}; }
inline Gate at_most(double value) { return {.most = value}; }
inline Gate exactly(double value) { return {.least = value, .most = value}; }

/// A row of the table of cluster.md.
struct Figure {
  std::string name, unit{};
  std::optional<double> paper{};
  std::optional<Gate> gate{};
};

/// A picture that curves are drawn into; `file` without its ending.
struct Picture {
  std::string_view file, title, x, y;
};

class Report {
 public:
  /// One seed's value. Rows are told apart by their names, and stand in the order in which they are first added, under
  /// the section that was named last then.
  void add(const Figure& figure, double value);
  void begin_section(const std::string& name) { section_ = name; }
  /// One seed's point of a curve; points of other seeds at the same x make a mean.
  void draw(const Picture& picture, const std::string& curve, double x, double y);

  /// Rows of which some seed missed the gate.
  std::size_t missed() const;
  void print(std::ostream& out) const;
  /// {"bench", "machine", "rows": [{"case", "variant", "value", "unit"}], "ratios": [{"case", "over", "value"}]}: the
  /// shape that tests/bench/bench.erl writes. A gate with two ends has two rows, `gate_least` and `gate`.
  void write_json(std::ostream& out, const std::string& machine) const;
  /// One SVG file per picture.
  /// Throws   std::runtime_error when a file cannot be written.
  void write_pictures(const std::string& folder) const;

 private:
  struct Row {
    std::string section;
    Figure figure;
    std::vector<double> values;
    double mean() const;
    bool is_met() const;
  };
  struct Drawn {
    Picture picture;
    struct Curve {
      std::string name;
      struct Sum {
        double x, y;
        std::size_t count;
      };
      std::vector<Sum> points;
    };
    std::vector<Curve> curves;
  };

  std::string section_;
  std::vector<Row> rows_;
  std::vector<Drawn> drawn_;
};

}  // namespace bp2p::bench
