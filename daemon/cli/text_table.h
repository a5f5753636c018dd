// Columns for a terminal: as wide as their widest cell, two spaces between, no space at a line's end.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bp2p::cli {

class TextTable {
 public:
  struct Column {
    std::string title;
    bool to_the_right = false;  ///< numbers
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// As many cells as columns; what is missing is empty. Control characters become `?`.
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// `3d 4h`, `41m 5s`, `12s`, `350ms`: the two largest units.
std::string shown_span(std::int64_t ms);
/// `0 B`, `1.1 MiB`.
std::string shown_bytes(std::uint64_t bytes);
/// One line: control characters become `?`.
std::string one_line(std::string text);

}  // namespace bp2p::cli
