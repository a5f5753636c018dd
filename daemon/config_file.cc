#include "daemon/config_file.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "daemon/config_keys.h"
#include "daemon/config_value.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"

namespace bp2p {
namespace {

/// No configuration is this long, and the parser's memory is a multiple of its input.
constexpr std::size_t source_bytes_max = 1 << 20;
/// The parser calls itself for every level; a configuration written on one line has four.
constexpr std::size_t nesting_max = 4;
/// Parts of a dotted key; the parser calls itself for each.
constexpr int dots_max = 32;
constexpr std::string_view environment_prefix = "BARREL_P2P_";
/// Every variable with our prefix that is not a key of the configuration: of the shim (barrel_p2p_config.erl), of ./dev
/// and of the tests. Any other one is an error, for it is a key that somebody mistyped.
constexpr std::string_view other_variables[] = {
    "BARREL_P2P_SOCKET", "BARREL_P2P_WAIT_MS", "BARREL_P2P_DAEMON_USER",
    "BARREL_P2P_EBIN", "BARREL_P2P_CACHE", "BARREL_P2P_INSIDE", "BARREL_P2P_VECTORS"};

/// One layer's text, to quote lines from.
struct Source {
  std::string name;
  std::string text;
  bool has_lines = true;  ///< a file; else one value from the environment or the command line

  std::string_view line(std::size_t number) const {
    std::string_view rest = text;
    for (; number > 1; --number) {
      const auto end = rest.find('\n');
      if (end == std::string_view::npos) return {};
      rest.remove_prefix(end + 1);
    }
    rest = rest.substr(0, rest.find('\n'));
    return rest.ends_with('\r') ? rest.substr(0, rest.size() - 1) : rest;
  }
};

/// A piece of one line of a source.
struct Place {
  const Source* source = nullptr;
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 0, in bytes
  std::size_t length = 0;
};

Place place_of(const Source& source, const toml::value& value) {
  const auto location = value.location();
  if (!location.is_ok()) return {.source = &source, .line = 1, .column = 0, .length = 0};
  const std::size_t column = location.first_column_number() > 0 ? location.first_column_number() - 1 : 0;
  const bool one_line = location.first_line_number() == location.last_line_number();
  return {.source = &source, .line = location.first_line_number(), .column = column,
          .length = one_line ? location.length() : std::string_view::npos};
}

/// TOML values know where they are, keys do not: the key is looked for in the line of its value, before it.
Place place_of_key(const Source& source, const std::string& key, const toml::value& value) {
  Place place = place_of(source, value);
  const std::string_view line = source.line(place.line);
  const auto at = line.substr(0, std::max(place.column + place.length, place.column)).find(key);
  if (at != std::string_view::npos) {
    place.column = at;
    place.length = key.size();
  }
  return place;
}

std::size_t columns_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string without_controls(std::string_view line) {
  std::string out{line};
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

ConfigProblem problem(const Place& place, const std::string& key, const std::string& says) {
  const Source& source = *place.source;
  ConfigProblem out{.file = source.name, .line = source.has_lines ? static_cast<std::uint32_t>(place.line) : 0,
                    .key = key, .text = ""};
  const std::string_view line = source.line(place.line);
  const std::size_t column = std::min(place.column, line.size());
  const std::size_t indent = std::min(line.find_first_not_of(" \t"), column);
  const std::string_view before = line.substr(indent, column - indent);
  const std::string_view marked = line.substr(column, place.length);

  out.text = source.name;
  if (source.has_lines) out.text += ":" + std::to_string(place.line);
  if (!key.empty()) out.text += ": " + without_controls(key);
  out.text += "\n    " + without_controls(line.substr(indent)) + "\n    " + std::string(columns_of(before), ' ') +
              std::string(std::max<std::size_t>(1, columns_of(marked)), '^') + " " + without_controls(says);
  return out;
}

std::string says(const WrongValue& why) {
  std::string text = "expected " + why.expected;
  if (!why.meant.empty()) text += "; did you mean " + toml_text(why.meant) + "?";
  return text;
}

struct Unbalanced {
  std::size_t line = 1, column = 0;
  std::string text;
};

/// Characters, brackets and quotes, before the parser sees them. toml11 4.4 goes on after an error by skipping what
/// looks like a value or a comment, and on some texts it does so for ever (found by fuzzing): a comment that is not
/// UTF-8, open brackets, and inside a list a `=` or what it takes for one behind an escaped quote. So what reaches it
/// is UTF-8, balanced, shallow, and without lists in lists, `=` in lists and escapes in lists; no key wants them.
std::optional<Unbalanced> unbalanced(std::string_view text) {
  struct Open {
    char bracket;
    std::size_t line, column;
  };
  std::vector<Open> open;
  std::size_t line = 1, line_begin = 0;
  int dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return Unbalanced{line, i - line_begin, "not TOML: expected UTF-8"};
    const bool line_end = byte == '\n' || (byte == '\r' && text.substr(i, 2) == "\r\n");
    if ((byte < 0x20 && byte != '\t' && !line_end) || byte == 0x7f)
      return Unbalanced{line, i - line_begin, "not TOML: expected no control characters"};
    if (byte == '\n') {
      ++line;
      line_begin = i + 1;
    }
    i += length - 1;
  }
  line = 1;
  line_begin = 0;
  const auto in_list = [&] { return !open.empty() && open.back().bracket == '['; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto wrong = [&](std::string why) { return Unbalanced{line, i - line_begin, std::move(why)}; };
    if (c == '\n') {
      ++line;
      line_begin = i + 1;
      dots = 0;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '"' || c == '\'') {
      const std::string three(3, c);
      const bool multiline = text.substr(i, 3) == three;
      const Unbalanced here = wrong("not TOML: this quote is not closed");
      std::size_t at = i + (multiline ? 3 : 1);
      for (;; ++at) {
        if (at >= text.size() || (!multiline && text[at] == '\n')) return here;
        if (text[at] == '\n') {
          ++line;
          line_begin = at + 1;
        } else if (c == '"' && text[at] == '\\') {
          if (!open.empty())
            return Unbalanced{line, at - line_begin, "expected no escapes in a list or an inline table"};
          // What is escaped may be a newline: left to the next round.
          if (at + 1 < text.size() && text[at + 1] != '\n') ++at;
        } else if (multiline ? text.substr(at, 3) == three : text[at] == c) {
          break;
        }
      }
      i = at + (multiline ? 2 : 0);
      while (multiline && i + 1 < text.size() && text[i + 1] == c) ++i;  // up to two quotes may end the text itself
    } else if (c == '[' || c == '{') {
      if (c == '[' && in_list()) return wrong("expected no list in a list");
      if (open.size() >= nesting_max) return wrong("expected less nesting");
      open.push_back({c, line, i - line_begin});
    } else if (c == ']' || c == '}') {
      if (open.empty() || open.back().bracket != (c == ']' ? '[' : '{'))
        return wrong("not TOML: nothing that this bracket closes");
      open.pop_back();
    } else if (c == '=' && in_list()) {
      return wrong("not TOML: expected the end of the list before this");
    } else if (c == '.' && ++dots > dots_max) {
      return wrong("expected less nesting");
    }
  }
  if (!open.empty()) return Unbalanced{open.back().line, open.back().column, "not TOML: this bracket is not closed"};
  return std::nullopt;
}

const ConfigKey* find_key(std::string_view path) {
  const auto& table = config_key_table();
  const auto found = std::ranges::find_if(table, [&](const ConfigKey& key) { return key.path() == path; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<std::string> sections() {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_key_table())
    if (names.empty() || names.back() != key.section) names.push_back(key.section);
  return names;
}

std::vector<std::string> names_in(const std::string& section) {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_key_table())
    if (key.section == section) names.push_back(key.name);
  return names;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// What to say about a key that does not exist.
std::string unknown_key(const std::string& section, const std::string& name) {
  for (const ConfigKey& key : config_key_table())
    if (key.name == name) return "unknown key; did you mean " + toml_text(name) + " in [" + key.section + "]?";
  const std::string meant = nearest(name, names_in(section));
  return meant.empty() ? "unknown key" : "unknown key; did you mean " + toml_text(meant) + "?";
}

/// What to say about a variable with our prefix that is none of ours.
std::string unknown_variable(std::string_view variable) {
  // Without the prefix: it would make everything look alike.
  std::vector<std::string> known;
  for (const ConfigKey& key : config_key_table()) known.push_back(upper(key.section + "__" + key.name));
  for (const std::string_view other : other_variables) known.emplace_back(other.substr(environment_prefix.size()));
  const std::string meant = nearest(variable.substr(environment_prefix.size()), known);
  return meant.empty() ? "unknown variable; a key's is BARREL_P2P_<SECTION>__<KEY>"
                       : "unknown variable; did you mean " + std::string{environment_prefix} + meant + "?";
}

/// A name with an @ and without quotes in front of a `=`, on this line; empty: none.
std::string_view unquoted_name(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  const std::string_view name = line.substr(begin, line.find_first_of(" \t=", begin) - begin);
  const auto after = line.find_first_not_of(" \t", begin + name.size());
  const bool is_key = after != std::string_view::npos && line[after] == '=';
  return is_key && name.contains('@') && name.find_first_of("\"'#[{") == std::string_view::npos ? name : std::string_view{};
}

/// The name at the beginning of a line that a table's kind has written: `"app@db2" = …` with its quotes.
std::string_view quoted_name(std::string_view line) { return line.substr(0, line.find("\" = ") + 1); }

class Loader {
 public:
  /// A whole file.
  void add_file(std::string name, std::string text) {
    const Source& source = remember({.name = std::move(name), .text = std::move(text)});
    if (source.text.size() > source_bytes_max) return refuse(source, "expected at most 1 MiB");
    if (const auto where = unbalanced(source.text))
      return problems_.push_back(
          problem({.source = &source, .line = where->line, .column = where->column, .length = 1}, "", where->text));
    std::vector<unsigned char> bytes(source.text.begin(), source.text.end());
    // toml11 throws where its own reading of numbers and dates does; a file is never worth an exception here.
    try {
      const auto parsed = toml::try_parse(std::move(bytes), source.name);
      if (parsed.is_err()) return not_toml(source, parsed.unwrap_err());
      for (const auto& [section, value] : sorted(parsed.unwrap())) add_section(source, section, *value);
    } catch (const std::exception& error) {
      refuse(source, std::string{"not TOML: "} + error.what());
    }
  }

  /// One value, `where` is how problems call its source.
  void add_value(const std::string& where, const std::string& path, const std::string& text) {
    const Source& source = remember({.name = where, .text = text, .has_lines = false});
    const Place whole{.source = &source, .line = 1, .column = 0, .length = text.size()};
    if (text.size() > source_bytes_max) return problems_.push_back(problem(whole, path, "expected at most 1 MiB"));

    const ConfigKey* key = find_key(path);
    std::string entry;
    if (!key) {
      // `discovery.static.app@db2`: an entry of a table, whose name may have dots of its own.
      for (const ConfigKey& candidate : config_key_table())
        if (candidate.is_table && path.starts_with(candidate.path() + ".")) {
          key = &candidate;
          entry = path.substr(candidate.path().size() + 1);
        }
    }
    if (!key) {
      const auto dot = path.find('.');
      const std::string section = path.substr(0, dot);
      const std::string name = dot == std::string::npos ? "" : path.substr(dot + 1);
      const auto known = sections();
      std::string text_for_person = unknown_key(section, name);
      if (std::ranges::find(known, section) == known.end() && !text_for_person.contains(';')) {
        const std::string meant = nearest(section, known);
        text_for_person = meant.empty() ? "unknown section" : "unknown section; did you mean " + toml_text(meant) + "?";
      }
      return problems_.push_back(problem(whole, path, text_for_person));
    }

    // `tofu` needs no quotes here: what is no TOML value, or one of a kind that will not do, is taken as a text.
    Config before = config_;
    const toml::value plain(text);
    const auto as_toml = toml_value(text);
    const auto tried = as_toml ? read(*key, entry, *as_toml) : Read<std::monostate>{std::unexpected(WrongValue{})};
    if (tried) return took(*key, whole, where, as_toml && entry.empty() ? entries_of(*as_toml) : std::vector{entry});
    config_ = before;
    const auto as_text = read(*key, entry, plain);
    if (as_text) return took(*key, whole, where, {entry});
    // `dns,static` is a list of texts, where a list will do.
    config_ = std::move(before);
    if (text.contains(',') && read(*key, entry, texts_between_commas(text))) return took(*key, whole, where, {entry});
    problems_.push_back(problem(whole, path, says(as_text.error())));
  }

  /// A source that cannot be read at all.
  void add_problem(const std::string& file, const std::string& text) {
    problems_.push_back({.file = file, .line = 0, .key = "", .text = file + ": " + text});
  }
  /// A word that is not `key=value`.
  void add_stray(const std::string& where, const std::string& word, const std::string& expected) {
    const Source& source = remember({.name = where, .text = word, .has_lines = false});
    problems_.push_back(problem({.source = &source, .line = 1, .column = 0, .length = word.size()}, "", expected));
  }

  std::expected<LoadedConfig, ConfigProblems> finish() {
    if (problems_.empty()) check_together();
    if (!problems_.empty()) return std::unexpected(ConfigProblems{std::move(problems_)});
    return LoadedConfig{.config = std::move(config_), .origin = std::move(origin_)};
  }

 private:
  const Source& remember(Source source) {
    sources_.push_back(std::make_unique<Source>(std::move(source)));
    return *sources_.back();
  }

  static std::vector<std::pair<std::string, const toml::value*>> sorted(const toml::value& table) {
    std::vector<std::pair<std::string, const toml::value*>> entries;
    for (const auto& [name, value] : table.as_table()) entries.emplace_back(name, &value);
    // In the order of the file, so that problems come in the order in which a person meets them.
    std::ranges::sort(entries, {}, [](const auto& entry) {
      const auto at = entry.second->location();
      return std::tuple{at.is_ok() ? at.first_line_number() : 0, at.is_ok() ? at.first_column_number() : 0,
                        entry.first};
    });
    return entries;
  }

  static std::optional<toml::value> toml_value(const std::string& text) {
    if (text.contains('\n') || text.contains('#') || unbalanced(text)) return std::nullopt;
    const std::string line = "value = " + text;
    try {
      const auto parsed = toml::try_parse(std::vector<unsigned char>(line.begin(), line.end()), "value");
      if (parsed.is_ok() && parsed.unwrap().contains("value")) return parsed.unwrap().at("value");
    } catch (const std::exception&) {  // not a value then
    }
    return std::nullopt;
  }

  static Read<std::monostate> read_entry(const ConfigKey& key, const std::string& entry, const toml::value& value,
                                         Config& config) {
    toml::table table;
    table.emplace(entry, value);
    auto read = key.read(toml::value(std::move(table)), config);
    if (!read) read.error().at = nullptr;  // it points into the table that is gone now
    return read;
  }
  Read<std::monostate> read(const ConfigKey& key, const std::string& entry, const toml::value& value) {
    return entry.empty() ? key.read(value, config_) : read_entry(key, entry, value, config_);
  }

  static toml::value texts_between_commas(std::string_view text) {
    toml::array list;
    for (;;) {
      const auto comma = text.find(',');
      std::string_view item = text.substr(0, comma);
      item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
      item = item.substr(0, item.find_last_not_of(' ') + 1);
      list.emplace_back(std::string{item});
      if (comma == std::string_view::npos) return toml::value(std::move(list));
      text.remove_prefix(comma + 1);
    }
  }

  static std::vector<std::string> entries_of(const toml::value& value) {
    std::vector<std::string> names;
    if (value.is_table())
      for (const auto& [name, item] : value.as_table()) names.push_back(name);
    return names;
  }

  /// `entries`: of a table, those that were set with it; each remembers where it comes from.
  void took(const ConfigKey& key, const Place& place, const std::string& origin, const std::vector<std::string>& entries) {
    origin_[key.path()] = origin;
    places_[key.path()] = place;
    if (key.is_table)
      for (const std::string& entry : entries) origin_[key.path() + "." + toml_text(entry)] = origin;
  }

  void add_section(const Source& source, const std::string& section, const toml::value& value) {
    const auto known = sections();
    if (std::ranges::find(known, section) == known.end()) {
      std::string meant = nearest(section, known);
      std::string text = "unknown section";
      if (!value.is_table()) {
        text = unknown_key("", section);
      } else if (!meant.empty()) {
        text += "; did you mean " + toml_text(meant) + "?";
      }
      problems_.push_back(problem(place_of_key(source, section, value), section, text));
      return;
    }
    if (!value.is_table()) {
      problems_.push_back(problem(place_of(source, value), section, "expected a section, [" + section + "]"));
      return;
    }
    for (const auto& [name, item] : sorted(value)) add_key(source, section, name, *item);
  }

  void add_key(const Source& source, const std::string& section, const std::string& name, const toml::value& value) {
    const std::string path = section + "." + name;
    const ConfigKey* key = find_key(path);
    if (!key) {
      problems_.push_back(problem(place_of_key(source, name, value), path, unknown_key(section, name)));
      return;
    }
    const Place place = place_of(source, value);
    const auto read = key->read(value, config_);
    if (read) {
      took(*key, place, source.name + ":" + std::to_string(place.line), {});
      if (key->is_table)
        for (const auto& [entry, item] : value.as_table())
          origin_[path + "." + toml_text(entry)] = source.name + ":" + std::to_string(place_of(source, item).line);
      return;
    }
    const WrongValue& why = read.error();
    const toml::value& at = why.at ? *why.at : value;
    problems_.push_back(problem(why.entry.empty() ? place_of(source, at) : place_of_key(source, why.entry, at), path,
                                says(why)));
  }

  void refuse(const Source& source, const std::string& text) {
    problems_.push_back(problem({.source = &source, .line = 1, .column = 0, .length = 0}, "", text));
  }

  void not_toml(const Source& source, const std::vector<toml::error_info>& errors) {
    for (const toml::error_info& error : errors) {
      std::string text = error.title();
      if (const auto colon = text.rfind("): "); colon != std::string::npos) text.erase(0, colon + 3);  // its function
      if (const auto tag = text.find("toml::"); tag == 0) text.erase(0, text.find(' ') + 1);
      if (error.locations().empty() || !error.locations().front().first.is_ok()) {
        refuse(source, "not TOML: " + text);
        continue;
      }
      const auto& [location, hint] = error.locations().front();
      const std::size_t number = location.first_line_number();
      if (const std::string_view line = source.line(number), name = unquoted_name(line); !name.empty()) {
        const auto column = static_cast<std::size_t>(name.data() - line.data());
        problems_.push_back(problem({.source = &source, .line = number, .column = column, .length = name.size()}, "",
                                    "put the name in quotes: " + toml_text(name)));
        continue;
      }
      if (!hint.empty()) text += ": " + hint;
      problems_.push_back(problem({.source = &source, .line = location.first_line_number(),
                                   .column = std::max<std::size_t>(location.first_column_number(), 1) - 1, .length = 1},
                                  "", "not TOML: " + text));
    }
  }

  /// What no single key can tell. The problem is shown where one of the two was set; defaults agree.
  void check_together() {
    const auto wrong = [&](const std::string& first, const std::string& second, const std::string& text) {
      for (const std::string& path : {first, second})
        if (const auto place = places_.find(path); place != places_.end())
          return problems_.push_back(problem(place->second, path, text));
      BP2P_CHECK(false && "the defaults disagree with one another");
    };
    const auto& transport = config_.transport;
    const auto shown = [](const std::string& path, const Config& config) { return find_key(path)->write(config); };
    if (3 * transport.keep_alive > transport.idle_timeout)
      wrong("transport.keep_alive", "transport.idle_timeout",
            "expected keep_alive (" + shown("transport.keep_alive", config_) + ") to be at most a third of idle_timeout (" +
                shown("transport.idle_timeout", config_) + ")");
    if (transport.retry_above > transport.half_open_max)
      wrong("transport.retry_above", "transport.half_open_max",
            "expected retry_above (" + shown("transport.retry_above", config_) + ") to be at most half_open_max (" +
                shown("transport.half_open_max", config_) + ")");
    const auto& backends = config_.discovery.backends;
    const auto goes_with = [&](Backend backend, const std::string& word, const std::string& key, bool is_set) {
      const bool is_listed = std::ranges::contains(backends, backend);
      if (is_listed && !is_set)
        wrong("discovery.backends", key, "\"" + word + "\" needs " + key + ", which is not set");
      if (!is_listed && is_set)
        wrong(key, "discovery.backends", "expected \"" + word + "\" in discovery.backends, or this is never used");
    };
    goes_with(Backend::file, "file", "discovery.directory", !config_.discovery.directory.empty());
    goes_with(Backend::command, "command", "discovery.command", !config_.discovery.command.empty());
    if (config_.host.node_socket == config_.host.control_socket)
      wrong("host.control_socket", "host.node_socket", "expected node_socket and control_socket to differ");
  }

  Config config_;
  std::map<std::string, std::string> origin_;
  std::map<std::string, Place> places_;
  std::vector<std::unique_ptr<Source>> sources_;  // places point into them
  std::vector<ConfigProblem> problems_;
};

std::expected<std::string, std::string> read_source(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return std::unexpected("there is no such file");
  if (std::filesystem::is_directory(status)) return std::unexpected("expected a file, this is a directory");
  std::ifstream in{file, std::ios::binary};
  if (!in) return std::unexpected("cannot be read: " + std::generic_category().message(errno));
  std::string text(source_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return std::unexpected("cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<std::filesystem::path> fragments_beside(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at{file.parent_path() / "conf.d", error}, end; !error && at != end;
       at.increment(error))
    if (at->path().extension() == ".toml") found.push_back(at->path());
  std::ranges::sort(found);
  return found;
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string as_comment(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    out.append("# ").append(lines.substr(0, end)).append("\n");
    lines = end == std::string_view::npos ? std::string_view{} : lines.substr(end + 1);
  }
  return out;
}

}  // namespace

std::string ConfigProblems::text() const {
  std::string out;
  for (const ConfigProblem& problem : all) out += (out.empty() ? "" : "\n\n") + problem.text;
  return out;
}

std::expected<LoadedConfig, ConfigProblems> load_config(const ConfigSources& sources) {
  Loader loader;
  if (!sources.file.empty()) {
    std::vector<std::filesystem::path> files = fragments_beside(sources.file);
    files.insert(files.begin(), sources.file);
    for (const auto& file : files) {
      auto text = read_source(file);
      if (text) loader.add_file(file.string(), std::move(*text));
      else loader.add_problem(file.string(), text.error());
    }
  }
  for (const auto& [variable, value] : sources.environment) {
    if (!variable.contains("__")) {
      if (std::ranges::find(other_variables, variable) == std::end(other_variables))
        loader.add_stray("environment", variable, unknown_variable(variable));
      continue;
    }
    std::string path = lower(std::string_view{variable}.substr(std::min(variable.size(), environment_prefix.size())));
    if (const auto mark = path.find("__"); mark != std::string::npos) path.replace(mark, 2, ".");
    loader.add_value("environment " + variable, path, value);
  }
  for (const std::string& word : sources.sets) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      loader.add_stray("--set " + word, word, "expected section.key=value");
      continue;
    }
    loader.add_value("--set", word.substr(0, equals), word.substr(equals + 1));
  }
  return loader.finish();
}

std::expected<LoadedConfig, ConfigProblems> parse_config(std::string_view text, const std::string& name) {
  Loader loader;
  loader.add_file(name, std::string{text});
  return loader.finish();
}

std::vector<std::pair<std::string, std::string>> barrel_environment() {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** at = environ; at && *at; ++at) {
    const std::string_view entry{*at};
    const auto equals = entry.find('=');
    const std::string_view name = entry.substr(0, equals);
    if (equals != std::string_view::npos && name.starts_with(environment_prefix))
      found.emplace_back(name, entry.substr(equals + 1));
  }
  std::ranges::sort(found);
  return found;
}

std::string commented_config(const Config& config) {
  std::string out =
      "# The configuration of barrel-p2pd: every key with its default.\n"
      "#\n"
      "# Check a file before use:  barrel-p2pd config check --config FILE\n"
      "# What is in effect:        barrel-p2pd config show --config FILE\n"
      "#\n"
      "# Later ones win: this file, conf.d/*.toml beside it, the environment (BARREL_P2P_<SECTION>__<KEY>,\n"
      "# for example BARREL_P2P_AUTH__TRUST_MODE=strict), --set section.key=value.\n"
      "#\n"
      "# Times are \"250ms\", \"10s\", \"5m\", \"1h\" or an integer in milliseconds; sizes \"64KiB\", \"8MiB\",\n"
      "# \"1GiB\" or an integer in bytes. A key that is not here is an error.\n";
  std::string section;
  for (const ConfigKey& key : config_key_table()) {
    if (key.section != section) {
      section = key.section;
      out += "\n" + as_comment(section_meaning(section)) + "[" + section + "]\n";
    }
    out += "\n";
    // A table's comment stands inside it: an example that is uncommented where it stands has to work.
    if (key.is_table) out += "[" + key.path() + "]\n" + as_comment(key.meaning) + key.write(config);
    else out += as_comment(key.meaning) + key.name + " = " + key.write(config) + "\n";
  }
  return out;
}

std::string shown_config(const LoadedConfig& loaded) {
  std::string out;
  for (const ConfigKey& key : config_key_table()) {
    const auto origin = loaded.origin.find(key.path());
    const std::string from = origin == loaded.origin.end() ? "default" : origin->second;
    if (!key.is_table) {
      out += key.path() + " = " + key.write(loaded.config) + "  # " + from + "\n";
      continue;
    }
    std::istringstream lines{key.write(loaded.config)};
    for (std::string line; std::getline(lines, line);) {
      const auto entry = loaded.origin.find(key.path() + "." + std::string{quoted_name(line)});
      out += key.path() + "." + line + "  # " + (entry == loaded.origin.end() ? from : entry->second) + "\n";
    }
  }
  return out;
}

std::vector<std::string> config_keys() {
  std::vector<std::string> paths;
  for (const ConfigKey& key : config_key_table()) paths.push_back(key.path());
  return paths;
}

membership::Config MembershipConfig::for_core() const {
  using std::chrono::milliseconds;
  membership::Config out;
  out.active_size = active_size;
  out.passive_size = passive_size;
  out.arwl = static_cast<std::uint8_t>(arwl);
  out.prwl = static_cast<std::uint8_t>(prwl);
  out.shuffle_active = (shuffle_length - 1) / 2;  // and ourselves
  out.shuffle_passive = shuffle_length - 1 - out.shuffle_active;
  out.shuffle_period = shuffle_period;
  out.keep_alive = keep_alive;
  out.pending_timeout = milliseconds{pending_timeout_ms};
  out.base_backoff = milliseconds{base_backoff_ms};
  out.max_fail_count = max_fail_count;
  out.passive_max_age = milliseconds{passive_max_age_ms};
  out.suspicion_min = suspicion;
  return out;
}

}  // namespace bp2p
