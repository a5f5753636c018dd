#include "tests/sim/action.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "tests/sim/scenario.h"

namespace bp2p::sim {
namespace {

using Verb = Action::Verb;

constexpr std::array<std::pair<std::string_view, Verb>, 15> verbs{{
    {"break", Verb::break_links}, {"cut", Verb::cut}, {"partition", Verb::partition}, {"weather", Verb::weather},
    {"pause", Verb::pause}, {"crash", Verb::crash}, {"stop", Verb::stop}, {"remove", Verb::remove}, {"kill", Verb::kill}, {"clock", Verb::clock},
    {"disk", Verb::disk}, {"storm", Verb::storm}, {"hostile", Verb::hostile}, {"poison", Verb::poison}, {"draw", Verb::draw},
}};

constexpr std::array<std::string_view, 5> partitions{"half", "islands", "bridge", "flapping", "swizzled"};
constexpr std::array<std::string_view, 2> disks{"full", "unreadable"};
constexpr std::array<std::string_view, 14> hostiles{"silent", "forged", "replayed", "relayed", "malformed",
                                                   "oversized", "flood", "names", "honest",
                                                   "liar", "garbage", "accuser", "storm", "eclipse"};

std::expected<std::uint64_t, std::string> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::unexpected{"not a number: " + std::string{text}};
  return number;
}

/// Takes words off the front, and remembers the first mistake.
class Words {
 public:
  explicit Words(std::span<const std::string> words) : rest_(words) {}
  bool empty() const { return rest_.empty(); }
  const std::string& mistake() const { return mistake_; }

  std::string next() {
    if (rest_.empty()) {
      note("something is missing at the end");
      return "";
    }
    const std::string word = rest_.front();
    rest_ = rest_.subspan(1);
    return word;
  }
  bool take(std::string_view word) {
    if (rest_.empty() || rest_.front() != word) return false;
    rest_ = rest_.subspan(1);
    return true;
  }
  void want(std::string_view word) {
    if (!take(word)) note("`" + std::string{word} + "` is missing");
  }
  std::size_t host() {
    const std::string word = next();
    if (word == "any") return Action::any;
    if (word == "all") return Action::all;
    const auto number = parse_number(word);
    if (!number || *number == 0) note("not a daemon: " + word);
    return number.value_or(1);
  }
  Duration duration() {
    const auto span = parse_duration(next());
    if (!span) note(span.error());
    return span.value_or(Duration{});
  }
  std::uint64_t number() {
    const auto parsed = parse_number(next());
    if (!parsed) note(parsed.error());
    return parsed.value_or(0);
  }
  std::string one_of(std::span<const std::string_view> allowed) {
    const std::string word = next();
    if (!std::ranges::contains(allowed, word)) note("no such kind: " + word);
    return word;
  }

 private:
  void note(std::string mistake) {
    if (mistake_.empty()) mistake_ = std::move(mistake);
  }
  std::span<const std::string> rest_;
  std::string mistake_;
};

std::string shown_host(std::size_t host) {
  return host == Action::any ? "any" : host == Action::all ? "all" : std::to_string(host);
}

}  // namespace

std::expected<Action, std::string> parse_action(std::span<const std::string> all_words) {
  Words words{all_words};
  const std::string word = words.next();
  const auto verb = std::ranges::find(verbs, word, &std::pair<std::string_view, Verb>::first);
  if (verb == verbs.end()) return std::unexpected{"no such action: " + word};
  Action action{.verb = verb->second};
  const auto take_span = [&] {
    words.want("for");
    action.span = words.duration();
  };
  switch (action.verb) {
    case Verb::break_links:
      action.host = words.host();
      if (!words.empty()) action.other = words.host();
      break;
    case Verb::cut:
      action.host = words.host();
      words.want("->");
      action.other = words.host();
      take_span();
      break;
    case Verb::partition:
      action.kind = words.one_of(partitions);
      take_span();
      break;
    case Verb::weather:
      words.want("delay");
      action.delay = words.duration();
      words.want("jitter");
      action.jitter = words.duration();
      words.want("loss");
      action.loss_percent = words.number();
      break;
    case Verb::crash:
      action.host = words.host();
      take_span();
      if (words.take("without")) {
        words.want("state");
        action.without_state = true;
      }
      break;
    case Verb::pause:
    case Verb::stop:
    case Verb::kill:
      action.host = words.host();
      take_span();
      break;
    case Verb::clock: {
      action.host = words.host();
      action.step = words.duration();
      take_span();
      break;
    }
    case Verb::disk:
      action.host = words.host();
      action.kind = words.one_of(disks);
      take_span();
      break;
    case Verb::hostile:
      action.kind = words.one_of(hostiles);
      action.host = words.host();
      if (words.take("times")) action.times = words.number();
      break;
    case Verb::storm:
    case Verb::remove:
    case Verb::poison: action.host = words.host(); break;
    case Verb::draw: break;
  }
  if (!words.mistake().empty()) return std::unexpected{words.mistake()};
  if (!words.empty()) return std::unexpected{"too much: " + words.next()};
  return action;
}

std::string show(const Action& action) {
  const auto name = std::ranges::find(verbs, action.verb, &std::pair<std::string_view, Verb>::second)->first;
  std::string text{name};
  const std::string span = " for " + show(action.span);
  const std::string host = " " + shown_host(action.host);
  switch (action.verb) {
    case Verb::break_links: return text + host + (action.other == Action::any ? "" : " " + shown_host(action.other));
    case Verb::cut: return text + host + " -> " + shown_host(action.other) + span;
    case Verb::partition: return text + " " + action.kind + span;
    case Verb::weather:
      return text + " delay " + show(action.delay) + " jitter " + show(action.jitter) + " loss " + std::to_string(action.loss_percent);
    case Verb::crash: return text + host + span + (action.without_state ? " without state" : "");
    case Verb::pause:
    case Verb::stop:
    case Verb::kill: return text + host + span;
    case Verb::clock: return text + host + " " + show(action.step) + span;
    case Verb::disk: return text + host + " " + action.kind + span;
    case Verb::hostile: return text + " " + action.kind + host + (action.times > 1 ? " times " + std::to_string(action.times) : "");
    case Verb::storm:
    case Verb::remove:
    case Verb::poison: return text + host;
    case Verb::draw: return text;
  }
  return text;
}

}  // namespace bp2p::sim
