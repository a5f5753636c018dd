// The command line: one tree of verbs. stdout is the result, stderr everything else.
//
// Exit codes: 0 done, 1 the answer is no, 64 usage, 65 bad data, 68 no such thing, 69 the daemon cannot be reached or
// cannot start, 74 a file cannot be read or written, 75 it took too long, 77 not allowed, 78 wrong configuration.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "daemon/config_file.h"

namespace bp2p {

enum class Exit : int {
  ok = 0,
  no = 1,
  usage = 64,
  bad_data = 65,
  not_found = 68,
  unavailable = 69,
  file_trouble = 74,
  timed_out = 75,
  not_allowed = 77,
  wrong_config = 78,
};

/// What `run` was asked to do; the configuration is loaded and good.
struct RunOptions {
  Config config;
  std::filesystem::path config_file;  ///< empty: none, the defaults are in effect
};

/// The process's exit code. `run` is called for the verb run without --check, and its result is the code.
int cli_main(int argc, char** argv, std::function<int(const RunOptions&)> run);

}  // namespace bp2p
