// What somebody probably meant, and how a word is shown.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bp2p {

/// The candidate that `text` probably means, by edit distance, or the only one that begins with it; empty when none is near.
std::string nearest(std::string_view text, const std::vector<std::string>& candidates);
/// A TOML basic string.
std::string toml_text(std::string_view text);

}  // namespace bp2p
