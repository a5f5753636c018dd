#include <chrono>
#include <format>
#include <iostream>
#include <thread>

#include "daemon/cli/control_client.h"
#include "daemon/cli/peers_screen.h"
#include "daemon/cli/verbs.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {
namespace {

using std::chrono::steady_clock;

struct Words {
  DaemonOption daemon;
  std::string contact;
  double wait_s = 15;
  bool as_json = false;
};

/// A join goes on in the daemon: it looks for the contact, and then the contact's cluster looks for places. This is what
/// came of it so far.
struct Progress {
  bool is_joining = false;
  std::size_t neighbours = 0;
  json attempts = json::array();  ///< since it was begun
  bool has_failed() const { return !is_joining && !attempts.empty() && member(attempts.back(), "code").is_string(); }
};

std::expected<Progress, Unanswered> progress_of(const std::filesystem::path& socket, const std::string& contact,
                                                const std::string& begun) {
  Progress out;
  const auto peer = get(socket, "/v1/peers/" + percent_encoded(contact));
  if (!peer && peer.error().exit != Exit::not_found) return std::unexpected(peer.error());
  if (peer) {
    const json answer = json::parse(*peer, nullptr, false);
    out.is_joining = member(answer, "joining") == true;
    for (const json& each : list(answer, "attempts"))
      if (text(member(each, "time")) >= begun) out.attempts.push_back(each);
  }
  const auto graph = get(socket, "/v1/graph");
  if (!graph) return std::unexpected(graph.error());
  out.neighbours = list(json::parse(*graph, nullptr, false), "neighbours").size();
  return out;
}

Exit join(const Words& words) {
  const auto socket = words.daemon.socket();
  if (!socket) return socket.error();
  const std::string begun = std::format("{:%FT%T}Z", std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  const auto answered = post(*socket, "/v1/join", json{{"contact", words.contact}}.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!answered) return say(answered.error().exit, answered.error().text);
  json answer = json::parse(*answered, nullptr, false);
  if (member(answer, "schema") != "barrel-p2pd/join/1")
    return say(Exit::bad_data, socket->string() + ": the answer is not barrel-p2pd/join/1; the daemon may be of another version");
  const bool was_joined = member(answer, "joined") == true;
  const std::string contact = text(member(answer, "contact")), cluster = text(member(answer, "cluster"));

  const auto started = steady_clock::now();
  const auto deadline = started + std::chrono::duration<double>{words.wait_s};
  bool is_told = false;
  Progress progress;
  Exit exit = Exit::timed_out;
  for (;;) {
    const auto now = progress_of(*socket, contact, begun);
    if (!now) return say(now.error().exit, now.error().text);
    progress = *now;
    const bool is_in = progress.neighbours > 0 && (!was_joined || !progress.is_joining);
    if (progress.has_failed()) exit = Exit::no;
    else if (is_in) exit = Exit::ok;
    if (exit != Exit::timed_out || steady_clock::now() >= deadline) break;
    if (!is_told && steady_clock::now() - started > std::chrono::seconds{1}) {
      std::cerr << "waiting for " << contact << "\n";
      is_told = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }

  if (words.as_json) {
    answer["outcome"] = exit == Exit::ok ? "joined" : exit == Exit::no ? "failed" : "timed_out";
    answer["joined"] = progress.neighbours > 0;
    answer["neighbours"] = progress.neighbours;
    answer["attempts"] = progress.attempts;
    std::cout << answer.dump(2) << "\n";
    return exit;
  }
  if (exit == Exit::ok) {
    std::cout << (was_joined ? contact + " was asked, too; " : "joined the cluster " + cluster + " through " + contact + ": ")
              << progress.neighbours << (progress.neighbours == 1 ? " neighbour\n" : " neighbours\n");
    return exit;
  }
  say(exit, exit == Exit::no ? "could not join through " + contact
                             : "no neighbour in time; barrel-p2pd status shows whether one comes");
  if (!progress.attempts.empty()) std::cerr << attempts_table(progress.attempts);
  return exit;
}

Exit leave(const Words& words) {
  const auto socket = words.daemon.socket();
  if (!socket) return socket.error();
  const auto answered = post(*socket, "/v1/leave", "{}");
  if (!answered) return say(answered.error().exit, answered.error().text);
  const json answer = json::parse(*answered, nullptr, false);
  if (member(answer, "schema") != "barrel-p2pd/leave/1")
    return say(Exit::bad_data, socket->string() + ": the answer is not barrel-p2pd/leave/1; the daemon may be of another version");
  if (words.as_json) std::cout << *answered;
  else if (member(answer, "left") == true) std::cout << "left the cluster " << text(member(answer, "cluster")) << "\n";
  else std::cout << "was in no cluster\n";
  return Exit::ok;
}

}  // namespace

void add_join(CLI::App& app, Exit& exit) {
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("join", "Joins the cluster of another daemon, and waits until there is a neighbour");
  verb->add_option("CONTACT", words->contact, "A node of that daemon, app@host, or its address, 10.0.0.6:9100")->required();
  words->daemon.add_to(*verb);
  verb->add_option("--wait", words->wait_s, "How long, in seconds (default 15); then the exit code is 75")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86'400.0));
  verb->add_flag("--json", words->as_json, "As JSON (schema barrel-p2pd/join/1)");
  verb->callback([&exit, words] { exit = join(*words); });
}

void add_leave(CLI::App& app, Exit& exit) {
  const auto words = std::make_shared<Words>();
  CLI::App* verb = app.add_subcommand("leave", "Leaves the cluster; the daemon runs on, alone");
  words->daemon.add_to(*verb);
  verb->add_flag("--json", words->as_json, "As JSON (schema barrel-p2pd/leave/1)");
  verb->callback([&exit, words] { exit = leave(*words); });
}

}  // namespace bp2p::cli
