// overlay-bench: the tables "Overlay" and "Broadcast" of the design, ours beside the papers' and the gates. Everything
// runs in virtual time from a seed, so figures differ between two runs only if the code does; wall time and memory do.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

#include "tests/bench/overlay/figures.h"
#include "tests/bench/overlay/machine.h"

namespace {

using namespace bp2p::bench;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int run(int argc, char** argv) {
  Options options;
  std::size_t seeds = 0;
  std::string json, pictures;
  std::set<std::string> names, wanted;
  for (const auto& experiments : {overlay_experiments(), broadcast_experiments()})
    for (const Experiment& each : experiments) names.insert(each.name);

  CLI::App app{"The figures of the overlay and of broadcasts, beside the papers' and the gates.\n"
               "Ends with 1 when a gate is missed.", "overlay-bench"};
  const auto* daemons = app.add_option("--daemons", options.daemons, "how many (10,000; quick: 1,000)")
                            ->check(CLI::Range(100, 1'000'000));
  const auto* many = app.add_option("--seeds", seeds, "how many runs of each (5; quick: 1)")
                         ->check(CLI::Range(1, 1'000));
  app.add_option("--seed", options.seed, "the first seed (1)");
  app.add_flag("--quick", options.quick, "fewer daemons, seeds and cycles");
  app.add_option("--json", json, "write the rows to this file, too");
  app.add_option("--pictures", pictures, "write the curves into this folder, as SVG")->check(CLI::ExistingDirectory);
  app.add_option("experiments", wanted, "only these")->check(CLI::IsMember(names));
  CLI11_PARSE(app, argc, argv);
  if (!*daemons) options.daemons = options.quick ? 1'000 : 10'000;
  if (!*many) seeds = options.quick ? 1 : 5;

  const auto began = std::chrono::steady_clock::now();
  Report report;
  const auto run_all = [&](const char* section, std::span<const Experiment> experiments) {
    report.begin_section(section);
    for (const Experiment& experiment : experiments) {
      if (!wanted.empty() && !wanted.contains(experiment.name)) continue;
      for (std::size_t i = 0; i < seeds; ++i) {
        Options one = options;
        one.seed += i;
        const auto begin = std::chrono::steady_clock::now();
        experiment.run(one, report);
        std::fprintf(stderr, "%s, seed %llu: %.1f s\n", experiment.name, static_cast<unsigned long long>(one.seed),
                     seconds_since(begin));
      }
    }
  };
  run_all("Overlay: HyParView", overlay_experiments());
  run_all("Broadcast: Plumtree, one tree per origin", broadcast_experiments());
  report.begin_section("This run");
  report.add({"wall time", "s"}, seconds_since(began));
  report.add({"peak memory", "MiB"}, static_cast<double>(peak_memory_bytes()) / (1 << 20));

  std::cout << options.daemons << " daemons, " << seeds << (seeds == 1 ? " seed" : " seeds") << " from " << options.seed
            << "; " << machine() << "\n";
  report.print(std::cout);
  if (!json.empty()) {
    std::ofstream file{json};
    report.write_json(file, machine());
    if (!file.flush()) throw std::runtime_error("cannot write " + json);
  }
  if (!pictures.empty()) report.write_pictures(pictures);
  if (report.missed() == 0) return 0;
  std::cout << "\n" << report.missed() << " figures miss their gate\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "overlay-bench: " << error.what() << "\n";
    return 2;
  }
}
