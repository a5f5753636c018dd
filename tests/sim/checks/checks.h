// All checkers as one.
#pragma once
#include <memory>
#include <vector>

#include "tests/sim/checks/check.h"

namespace bp2p::sim {

class Checks final : public Check {
 public:
  explicit Checks(World& world);  // checks/all.cc

  void on_link_opened(const Host& h, LinkId l, const LinkFacts& f) override { for (auto& c : all_) c->on_link_opened(h, l, f); }
  void on_link_message(const Host& h, LinkId l, ByteView m) override { for (auto& c : all_) c->on_link_message(h, l, m); }
  void on_link_over(const Host& h, LinkId l, const LinkEnd& e) override { for (auto& c : all_) c->on_link_over(h, l, e); }
  void on_pins_read(const Host& h, const ReadPins& e, const PinReads& r) override { for (auto& c : all_) c->on_pins_read(h, e, r); }
  void on_pins_stored(const Host& h, const StorePins& e, bool s) override { for (auto& c : all_) c->on_pins_stored(h, e, s); }
  void on_effect(const Host& h, const Effect& e) override { for (auto& c : all_) c->on_effect(h, e); }
  void on_input_done(const Host& h, std::string_view w, std::size_t b, const Effects& e) override { for (auto& c : all_) c->on_input_done(h, w, b, e); }
  void on_channel_started(const Host& h, const StartChannel& e) override { for (auto& c : all_) c->on_channel_started(h, e); }
  void on_channel_named(const Host& h, const Pipe& p) override { for (auto& c : all_) c->on_channel_named(h, p); }
  void on_said(const Host& h, SessionId s, ByteView f, const Effects& e) override { for (auto& c : all_) c->on_said(h, s, f, e); }
  void on_attached(const Node& n, bool f) override { for (auto& c : all_) c->on_attached(n, f); }
  void on_refused(const Node& n, SessionId s, const local::Refused& r) override { for (auto& c : all_) c->on_refused(n, s, r); }
  void on_node_up(const Node& n, const NodeName& p, std::uint32_t creation) override { for (auto& c : all_) c->on_node_up(n, p, creation); }
  void on_node_down(const Node& n, const NodeName& p) override { for (auto& c : all_) c->on_node_down(n, p); }
  void on_host_gone(const Host& h) override { for (auto& c : all_) c->on_host_gone(h); }
  void on_stop_begins(const Host& h) override { for (auto& c : all_) c->on_stop_begins(h); }
  void on_node_killed(const Node& n) override { for (auto& c : all_) c->on_node_killed(n); }
  void on_state_lost(const Host& h) override { for (auto& c : all_) c->on_state_lost(h); }
  void on_unpinned(const Host& h, const NodeName& n) override { for (auto& c : all_) c->on_unpinned(h, n); }
  void on_fault(std::string_view t) override { for (auto& c : all_) c->on_fault(t); }
  void on_short_pause(const Host& h, Duration d) override { for (auto& c : all_) c->on_short_pause(h, d); }
  void on_offence(const Host& h, LinkId l, ByteView w) override { for (auto& c : all_) c->on_offence(h, l, w); }
  void on_second(const Host& h) override { for (auto& c : all_) c->on_second(h); }
  void on_moment() override { for (auto& c : all_) c->on_moment(); }
  void on_deadline() override { for (auto& c : all_) c->on_deadline(); }

 private:
  std::vector<std::unique_ptr<Check>> all_;
};

}  // namespace bp2p::sim
