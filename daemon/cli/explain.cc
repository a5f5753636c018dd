#include <iostream>

#include "daemon/cli/codes.h"
#include "daemon/cli/events.h"
#include "daemon/cli/text_table.h"
#include "daemon/cli/verbs.h"

namespace bp2p::cli {
namespace {

/// The text with its further lines under its first.
std::string indented(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "         ";
  }
  return out;
}

void print(const CodeText& code) {
  std::cout << code.name() << " (" << code.label() << ")\n  cause: " << indented(code.cause)
            << "\n  fix:   " << indented(code.fix) << "\n";
}

}  // namespace

void add_explain(CLI::App& app, Exit& exit) {
  const auto word = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("explain", "Says what a code, or an event of the log, means and what to do; without one, lists all");
  verb->add_option("CODE", *word, "Name or number of a code: not_trusted, 11, 0x106; or an event: pin.new");
  verb->callback([&exit, word] {
    if (word->empty()) {
      TextTable table{{{"CODE"}, {"NAME"}, {"CAUSE"}}};
      for (const CodeText& code : code_table())
        table.add({code.label(), std::string{code.name()}, std::string{code.cause}});
      TextTable events{{{"EVENT"}, {"MEANING"}}};
      for (const EventText& event : event_table()) events.add({std::string{event.name}, std::string{event.meaning}});
      std::cout << table.text() << "\n" << events.text();
      return;
    }
    if (const EventText* event = find_event(*word)) {
      std::cout << event->name << " (event of the log)\n  " << event->meaning << "\n";
      return;
    }
    const auto found = find_codes(*word);
    if (found.empty()) {
      std::cerr << "barrel-p2pd: " << one_line(*word) << ": no such code or event; `barrel-p2pd explain` lists them\n";
      exit = Exit::not_found;
      return;
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (i > 0) std::cout << "\n";
      print(found[i]);
    }
  });
}

}  // namespace bp2p::cli
