// A line between two hosts that can be made as bad as a test wants: it carries Ethernet frames between two
// interfaces and does to them what impairment.h lists. It works below IP, so that QUIC and TCP (and IPv4
// and IPv6) meet exactly the same line, and needs nothing of the kernel but packet sockets.
//
//   e2e-relay INTERFACE INTERFACE SEED
//
// Commands come as lines on standard input and each is answered by one line, after it has taken effect:
//   set there|back|both NAME VALUE     ok
//   stats                              ok there passed=… lost=… … back passed=… … translated=…
//   rebind N                           ok; from now on the left host is behind a translator (translator.h)
// End of input ends it.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>

#include "impairment.h"
#include "packet_port.h"
#include "translator.h"

namespace e2e {
namespace {

constexpr int frames_per_turn = 64;  // then the other direction and the commands get their turn

struct Direction {
  PacketPort& from;
  PacketPort& to;
  Translator& translator;
  void (Translator::*translate)(Frame&);
  Impairment impairment;

  void read(Clock::time_point now) {
    Frame frame;
    for (int i = 0; i < frames_per_turn && from.receive(frame); ++i) {
      const bool payload = is_payload(frame);
      (translator.*translate)(frame);
      impairment.take(std::move(frame), payload, now);
    }
  }
  void write(Clock::time_point now) {
    while (auto frame = impairment.next_due(now)) to.send(*frame);
  }
};

std::string stats(const Direction& direction) {
  const Counters& c = direction.impairment.counters();
  std::ostringstream out;
  out << "passed=" << c.passed << " lost=" << c.lost << " duplicated=" << c.duplicated << " reordered=" << c.reordered
      << " overflowed=" << c.overflowed << " cut=" << c.cut;
  return out.str();
}

std::string obey(const std::string& line, Direction& there, Direction& back, Translator& translator) {
  std::istringstream words(line);
  std::string verb, which, name, value;
  words >> verb >> which >> name >> value;
  if (verb == "stats") {
    return "ok there " + stats(there) + " back " + stats(back) +
           " translated=" + std::to_string(translator.translated());
  }
  if (verb == "rebind") {
    translator.set_shift(static_cast<std::uint16_t>(std::strtoul(which.c_str(), nullptr, 10)));
    return "ok";
  }
  if (verb != "set" || (which != "there" && which != "back" && which != "both")) return "error unknown command";
  bool known = true;
  if (which != "back") known = there.impairment.set(name, value) && known;
  if (which != "there") known = back.impairment.set(name, value) && known;
  return known ? "ok" : "error unknown setting or value";
}

timespec until(const Direction& there, const Direction& back, Clock::time_point now) {
  std::chrono::nanoseconds wait = std::chrono::seconds{1};
  for (const Direction* direction : {&there, &back}) {
    if (auto due = direction->impairment.next_deadline()) {
      wait = std::min(wait, std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds{*due - now}));
    }
  }
  return {.tv_sec = wait.count() / 1'000'000'000, .tv_nsec = wait.count() % 1'000'000'000};
}

int run(const std::string& left_name, const std::string& right_name, std::uint64_t seed) {
  PacketPort left(left_name), right(right_name);
  Translator translator;
  Direction there{left, right, translator, &Translator::outward, Impairment{seed}};
  Direction back{right, left, translator, &Translator::inward, Impairment{seed + 1}};
  std::string input;
  std::cout << "ok" << std::endl;
  for (;;) {
    std::array<pollfd, 3> fds{{{STDIN_FILENO, POLLIN, 0}, {left.fd(), POLLIN, 0}, {right.fd(), POLLIN, 0}}};
    const timespec wait = until(there, back, Clock::now());
    ppoll(fds.data(), fds.size(), &wait, nullptr);
    const auto now = Clock::now();
    if (fds[1].revents) there.read(now);
    if (fds[2].revents) back.read(now);
    there.write(now);
    back.write(now);
    if (fds[0].revents) {
      char buffer[4096];
      const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
      if (size <= 0) return 0;
      input.append(buffer, static_cast<std::size_t>(size));
      for (std::size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
        std::cout << obey(input.substr(0, end), there, back, translator) << std::endl;
      }
    }
  }
}

}  // namespace
}  // namespace e2e

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: e2e-relay INTERFACE INTERFACE SEED\n";
    return 64;
  }
  try {
    return e2e::run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
  } catch (const std::exception& error) {
    std::cerr << "e2e-relay: " << error.what() << '\n';
    return 1;
  }
}
