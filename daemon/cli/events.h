// Every event of the log, with what it means to an operator. `explain` prints it; a test compares it with the source.
#pragma once
#include <string_view>
#include <vector>

namespace bp2p::cli {

struct EventText {
  std::string_view name;     ///< `link.refused`
  std::string_view meaning;  ///< one sentence, or two
};

/// Sorted by name.
const std::vector<EventText>& event_table();
/// nullptr: there is no such event.
const EventText* find_event(std::string_view name);

}  // namespace bp2p::cli
