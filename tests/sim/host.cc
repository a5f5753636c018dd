#include "tests/sim/host.h"

#include "tests/sim/effect_text.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

Host::Host(World& world, std::size_t host_number, Address address, std::uint64_t key_seed)
    : Party(host_number, address), world_(world), road_(world, *this) {
  disk.key_seed = key_seed;
}
Host::~Host() = default;

Now Host::now() const {
  const auto passed = std::chrono::duration_cast<WallTime>(world_.queue.elapsed());
  return {world_.queue.now(), WallTime{1'800'000'000'000} + passed + clock_offset_};
}

// --- the process ------------------------------------------------------------------------------------

void Host::start_process() {
  if (core_ != nullptr || is_removed_) return;
  ++starts_;
  started_at_ = world_.queue.now();
  is_stopping_ = false;
  CoreConfig config = world_.core_config();
  config.udp_port = at.port;
  config.advertise = {at};
  config.boot_epoch = disk.next_epoch(now().wall);
  signing_ = std::make_unique<SimSigning>(disk.key_seed, world_.is_broken(Breakage::believes_all));
  if (!world_.is_broken(Breakage::no_contacts)) config.contacts = contacts;
  config.book = disk.read_book(*signing_);
  config.fingerprint = signing_->show(signing_->own_key());
  secrets_ = std::make_unique<SimSecrets>(world_.rng.next());
  core_ = std::make_unique<Core>(std::move(config), *signing_, *secrets_, world_.rng.split(), now());
  world_.trace.line(number, Digest{}.add("start"), [] { return std::string{"the daemon starts"}; });
  arm_timer();
  save_book_later();
  world_.network.on_party_changed(*this);
  for (const auto& node : nodes) node->on_daemon_started();
}

void Host::crash() {
  if (core_ == nullptr) return;
  world_.trace.line(number, Digest{}.add("gone"), [] { return std::string{"the daemon's process is gone"}; });
  world_.checks.on_host_gone(*this);
  inbox_.clear();
  road_.clear();
  legs_.clear();
  core_.reset();
  is_paused_ = false;
  timer_at_ = never;
  world_.network.on_party_gone(*this);
  for (const auto& node : nodes) node->on_daemon_gone();
}

void Host::stop_process() {
  if (core_ == nullptr || is_paused_ || is_stopping_) return;
  is_stopping_ = true;
  world_.checks.on_stop_begins(*this);
  disk.save_book(*core_, now());
  input("on_stop", Digest{}.add("stop"), [](Core& core, Now at_time, Effects& out) { core.on_stop(at_time, out); });
  // daemon/app.cc: links are closed, for at most 1.5 s.
  std::vector<LinkId> links;
  for (const LinkStatus& link : core_->status(now()).links) links.push_back(link.link);
  if (!world_.is_broken(Breakage::silent_stop))
    for (const LinkId link : links) world_.network.close(link, LinkCode::goodbye, "the daemon is stopping");
  world_.queue.after(world_.draw(1500ms), [this, start = starts_] {
    if (start == starts_) crash();
  });
}

/// daemon/app.cc
void Host::save_book_later() {
  world_.queue.after(60s, [this, start = starts_] {
    if (start != starts_ || core_ == nullptr || is_stopping_) return;
    in_turn([this] { disk.save_book(*core_, now()); });
    save_book_later();
  });
}

void Host::remove() {
  for (const auto& node : nodes) node->kill();
  crash();
  is_removed_ = true;
}

void Host::pause() {
  if (core_ == nullptr || is_paused_) return;
  is_paused_ = true;
  world_.trace.line(number, Digest{}.add("pause"), [] { return std::string{"SIGSTOP"}; });
  world_.network.on_party_changed(*this);
  if (world_.is_broken(Breakage::no_patience)) world_.network.lose_all_of(*this);
}

void Host::wake() {
  if (core_ == nullptr || !is_paused_) return;
  is_paused_ = false;
  world_.trace.line(number, Digest{}.add("wake"), [] { return std::string{"SIGCONT"}; });
  // Timers or sockets first: either may be.
  if (world_.rng.below(2) == 0 && core_->next_deadline() <= world_.queue.now() && !world_.is_broken(Breakage::lost_timer))
    inbox_.push_front({"on_time", Digest{}.add("time"), 0, [](Core& core, Now at_time, Effects& out) { core.on_time(at_time, out); }});
  drain();
  world_.network.on_party_changed(*this);
}

void Host::lose_state(std::uint64_t key_seed) {
  world_.checks.on_state_lost(*this);
  disk = Disk{};
  disk.key_seed = key_seed;
}

void Host::unpin(const NodeName& name) {
  if (disk.pins.erase(name) == 0) return;
  world_.checks.on_unpinned(*this, name);
}

// --- one input, every effect, the next input ----------------------------------------------------------

void Host::input(std::string_view what, Digest digest, Input how, std::size_t bytes) {
  if (core_ == nullptr) return;
  inbox_.push_back({what, digest, bytes, std::move(how)});
  drain();
}

void Host::in_turn(std::function<void()> what) {
  input("data road", Digest{}, [does = std::move(what)](Core&, Now, Effects&) { does(); });
}

void Host::drain() {
  if (is_running_) return;
  is_running_ = true;
  while (core_ != nullptr && !is_paused_ && !inbox_.empty() && !world_.is_over()) {
    const Waiting next = std::move(inbox_.front());
    inbox_.pop_front();
    run(next);
  }
  is_running_ = false;
  if (core_ != nullptr && !is_paused_) arm_timer();
}

void Host::run(const Waiting& next) {
  world_.trace.line(number, Digest{}.add(next.what).add(next.digest.value()), [&] { return std::string{next.what}; });
  Effects effects;
  next.input(*core_, now(), effects);
  for (const Effect& effect : effects) {
    Digest digest;
    add(digest, effect);
    world_.trace.line(number, digest, [&] { return "  " + describe(effect); });
    const bool is_lost = world_.is_broken(Breakage::lost_admission) && std::holds_alternative<AdmitLink>(effect);
    if (!is_lost) world_.checks.on_effect(*this, effect);
    if (world_.is_broken(Breakage::delivers_twice)) world_.checks.on_effect(*this, effect);
    if (world_.is_broken(Breakage::tells_too_often))
      for (int again = 0; again < 2000 && std::holds_alternative<SendToSession>(effect); ++again) world_.checks.on_effect(*this, effect);
    std::visit([this](const auto& each) { perform(each); }, effect);
  }
  world_.checks.on_input_done(*this, next.what, next.bytes, effects);
}

void Host::arm_timer() {
  if (world_.is_broken(Breakage::lost_timer)) return;
  const TimePoint deadline = core_->next_deadline();
  if (deadline == never || deadline >= timer_at_) return;  // an event that comes too early looks again
  timer_at_ = deadline;
  world_.queue.at(deadline, [this, deadline, start = starts_] {
    if (start != starts_ || core_ == nullptr || timer_at_ != deadline) return;
    timer_at_ = never;
    if (core_->next_deadline() > world_.queue.now()) return arm_timer();
    input("on_time", Digest{}.add("time"), [](Core& core, Now at_time, Effects& out) { core.on_time(at_time, out); });
  });
}

}  // namespace bp2p::sim
