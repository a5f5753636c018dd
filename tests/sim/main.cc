// barrel-sim: runs scenarios, and says how to run again what failed.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/sim/self_test.h"
#include "tests/sim/world.h"

namespace bp2p::sim {
namespace {

struct Arguments {
  std::string scenario = "mixed", transport = "bytes", until;
  std::string seeds = "1";
  std::size_t nodes = 0, trace_daemon = 0;
  bool trace = false, hashes = false, self_test = false, quiet = false;
  std::string folder = BP2P_SCENARIOS;
};

int fail(const std::string& text) {
  std::cerr << "barrel-sim: " << text << "\n";
  return 64;
}

std::string replay_command(const Arguments& arguments, const Outcome& outcome, std::uint64_t seed) {
  return "./dev sim --scenario " + arguments.scenario + " --nodes " + std::to_string(outcome.nodes) + " --seed " +
         std::to_string(seed) + " --transport " + arguments.transport + " --trace";
}

/// True when every promise was kept.
bool run_one(const Arguments& arguments, Options options) {
  const Outcome outcome = World{options}.run();
  if (arguments.hashes) std::printf("%s %llu %016llx\n", arguments.scenario.c_str(), static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(outcome.hash));
  if (!outcome.violation) {
    if (!arguments.hashes && !arguments.quiet)
      std::printf("seed %llu: %zu daemons, %s, %llu events, %llu messages, %zu channels at the end, trace %016llx\n",
                  static_cast<unsigned long long>(options.seed), outcome.nodes, show(outcome.ended_at).c_str(),
                  static_cast<unsigned long long>(outcome.events), static_cast<unsigned long long>(outcome.messages),
                  outcome.channels, static_cast<unsigned long long>(outcome.hash));
    return true;
  }
  if (options.keep == Trace::Keep::hash_only) {  // again, for the lines that a person reads
    options.keep = Trace::Keep::last_lines;
    World again{options};
    again.run();
    for (const std::string& line : again.trace.last_lines()) std::cout << line << "\n";
  }
  std::cout << "seed " << options.seed << ", after " << std::chrono::duration<double>(outcome.violation->at).count() << " s: "
            << outcome.violation->promise << " was broken: " << outcome.violation->text << "\n"
            << "run it again: " << replay_command(arguments, outcome, options.seed) << std::endl;
  return false;
}

int run(const Arguments& arguments) {
  const std::string path = arguments.scenario.find('/') == std::string::npos
                               ? arguments.folder + "/" + arguments.scenario + ".txt" : arguments.scenario;
  std::ifstream file{path};
  if (!file) return fail("no scenario " + path);
  std::ostringstream text;
  text << file.rdbuf();
  auto scenario = Scenario::parse(arguments.scenario, text.str());
  if (!scenario) return fail(path + ": " + scenario.error());

  Options options{.scenario = std::move(*scenario)};
  options.nodes = arguments.nodes;
  options.transport = arguments.transport == "bytes" ? Transport::Kind::bytes : Transport::Kind::value;
  if (arguments.trace) options.keep = Trace::Keep::print;
  if (arguments.trace_daemon > 0) options.only_daemon = arguments.trace_daemon;
  if (!arguments.until.empty()) {
    const auto until = parse_duration(arguments.until);
    if (!until) return fail("--until: " + until.error());
    options.until = *until;
  }
  const auto dash = arguments.seeds.find('-');
  const auto first = std::strtoull(arguments.seeds.c_str(), nullptr, 10);
  const auto last = dash == std::string::npos ? first : std::strtoull(arguments.seeds.c_str() + dash + 1, nullptr, 10);
  std::size_t failed = 0, done = 0;
  for (std::uint64_t seed = first; seed <= last && failed < 3; ++seed, ++done) {
    options.seed = seed;
    if (!run_one(arguments, options)) ++failed;
  }
  if (!arguments.hashes && done > 1) std::printf("%s: %zu seeds, %zu failed\n", arguments.scenario.c_str(), done, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bp2p::sim

int main(int argc, char** argv) {
  bp2p::sim::Arguments arguments;
  CLI::App app{"The daemons' cores in virtual time: faults while promises are watched, then calm, and all must be well."};
  app.add_option("--scenario,-s", arguments.scenario, "Name in tests/sim/scenarios, or a file")->capture_default_str();
  app.add_option("--nodes,-n", arguments.nodes, "Daemons; else the scenario says");
  app.add_option("--seed,--seeds", arguments.seeds, "A number, or FIRST-LAST")->capture_default_str();
  app.add_option("--transport", arguments.transport, "How messages go from core to core")
      ->check(CLI::IsMember({"value", "bytes"}))->capture_default_str();
  app.add_option("--until", arguments.until, "Stop after so much virtual time (81.25s)");
  app.add_flag("--trace", arguments.trace, "Print what happens");
  app.add_option("--daemon", arguments.trace_daemon, "With --trace: of this daemon alone");
  app.add_flag("--hashes", arguments.hashes, "Print scenario, seed and trace hash only");
  app.add_flag("--quiet,-q", arguments.quiet, "Print nothing of seeds that are well");
  app.add_flag("--self-test", arguments.self_test, "Break something for each checker and see that it notices");
  app.add_option("--scenarios", arguments.folder, "Where scenarios are")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return arguments.self_test ? bp2p::sim::self_test(arguments.folder) : bp2p::sim::run(arguments);
}
