#include "tests/sim/scenario.h"

#include <charconv>
#include <sstream>

namespace bp2p::sim {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr Unit units[] = {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line.substr(0, line.find('#'))};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::expected<Duration, std::string> parse_duration(std::string_view text) {
  const std::string whole{text};
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  std::uint64_t number = 0, fraction = 0, scale = 1;
  const char* const end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc{}) return std::unexpected{"not a time: " + whole};
  if (read.ptr != end && *read.ptr == '.') {
    const char* const from = read.ptr + 1;
    read = std::from_chars(from, end, fraction);
    if (read.ec != std::errc{} || read.ptr - from > 6) return std::unexpected{"not a time: " + whole};
    for (auto digits = read.ptr - from; digits > 0; --digits) scale *= 10;
  }
  for (const Unit& unit : units) {
    if (unit.name != std::string_view{read.ptr, end}) continue;
    const std::int64_t span = static_cast<std::int64_t>(number) * unit.nanoseconds +
                              static_cast<std::int64_t>(fraction) * unit.nanoseconds / static_cast<std::int64_t>(scale);
    return Duration{is_negative ? -span : span};
  }
  return std::unexpected{"a time without its unit (h, m, s, ms): " + whole};
}

std::string show(Duration span) {
  const std::string sign = span < Duration{} ? "-" : "";
  const std::int64_t milliseconds = std::abs(span.count()) / 1'000'000;
  if (milliseconds % 3'600'000 == 0 && milliseconds > 0) return sign + std::to_string(milliseconds / 3'600'000) + "h";
  if (milliseconds % 1000 == 0) return sign + std::to_string(milliseconds / 1000) + "s";
  return sign + std::to_string(milliseconds) + "ms";
}

std::expected<Scenario, std::string> Scenario::parse(std::string name, std::string_view text) {
  Scenario scenario;
  scenario.name = std::move(name);
  std::istringstream in{std::string{text}};
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto words = words_of(line);
    if (words.empty()) continue;
    const auto wrong = [&](const std::string& what) { return std::unexpected{"line " + std::to_string(number) + ": " + what}; };
    const auto duration = [&](std::size_t at) -> std::expected<Duration, std::string> {
      return at < words.size() ? parse_duration(words[at]) : std::unexpected{std::string{"a time is missing"}};
    };
    const auto add = [&](Duration first, Duration last, Duration period, std::size_t from_word) -> std::string {
      const auto action = parse_action(std::span{words}.subspan(std::min(from_word, words.size())));
      if (!action) return action.error();
      for (Duration at = first; at <= last; at += period) scenario.steps.push_back({at, *action});
      return "";
    };
    std::string mistake;
    if (words[0] == "nodes" && (words.size() == 2 || (words.size() == 4 && words[2] == "to"))) {
      scenario.nodes_min = std::strtoul(words[1].c_str(), nullptr, 10);
      scenario.nodes_max = std::strtoul(words.back().c_str(), nullptr, 10);
      if (scenario.nodes_min < 1 || scenario.nodes_max < scenario.nodes_min) mistake = "not a number of daemons";
    } else if (words[0] == "wants" && words.size() == 2) {
      scenario.wants = std::strtoul(words[1].c_str(), nullptr, 10);
    } else if (words[0] == "first_contacts" && words.size() == 2) {
      scenario.first_contacts = std::strtoul(words[1].c_str(), nullptr, 10);
    } else if (words[0] == "contacts" && words.size() == 2) {
      scenario.contacts = std::strtoul(words[1].c_str(), nullptr, 10);
    } else if (words[0] == "broadcasts" && words.size() == 2) {
      const auto period = words[1] == "never" ? std::expected<Duration, std::string>{Duration{}} : duration(1);
      if (!period) mistake = period.error();
      else scenario.broadcasts = *period > Duration{} ? std::optional{*period} : std::nullopt;
    } else if (words[0] == "idle" && words.size() == 3 && words[1] == "from") {
      const auto at = duration(2);
      at ? void(scenario.idle_from = *at) : void(mistake = at.error());
    } else if (words[0] == "calm" && words.size() == 3 && words[1] == "at") {
      const auto at = duration(2);
      at ? void(scenario.calm_at = *at) : void(mistake = at.error());
    } else if (words[0] == "deadline" && words.size() == 2) {
      const auto span = duration(1);
      span ? void(scenario.deadline = *span) : void(mistake = span.error());
    } else if (words[0] == "at") {
      const auto at = duration(1);
      mistake = at ? add(*at, *at, 1s, 2) : at.error();
    } else if (words[0] == "every" && words.size() > 6 && words[2] == "from" && words[4] == "to") {
      const auto period = duration(1), first = duration(3), last = duration(5);
      if (!period || !first || !last) {
        mistake = "every T from T to T ACTION";
      } else {
        mistake = *period <= Duration{} ? "a period above 0" : add(*first, *last, *period, 6);
      }
    } else {
      mistake = "not understood: " + line;
    }
    if (!mistake.empty()) return wrong(mistake);
  }
  return scenario;
}

}  // namespace bp2p::sim
