// I1 to I4 of docs/promises as the core keeps them: which key may speak for which name, and when.
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

struct TrustOfLinks : testing::Test {
  World world;
  Daemon& daemon = world.add(1, "10.0.0.1:9100");
  SessionId node = daemon.attach(name("a@h"));
  PlayedPeer mallory{66};

  /// The code with which the daemon closed the link, if it did.
  std::optional<LinkCode> closed(LinkId link, const Daemon& by) const {
    const auto found = by.links_closed_by_us.find(link);
    return found == by.links_closed_by_us.end() ? std::nullopt : std::optional{found->second};
  }
  std::optional<LinkCode> closed(LinkId link) const { return closed(link, daemon); }
  bool is_admitted(LinkId link) const {
    for (const LinkStatus& each : daemon.core->status(world.now).links)
      if (each.link == link) return each.admitted;
    return false;
  }
};

TEST_F(TrustOfLinks, I1AProvenPeerCannotOpenAChannelInAnothersName) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  ASSERT_TRUE(is_admitted(link));
  mallory.say(daemon, link, peer::ChannelOpen{0, name("bob@h"), name("a@h"), {}});
  const auto refusal = one_sent_to<peer::ChannelRefused>(daemon, link);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefuseCode::not_trusted);
  EXPECT_TRUE(daemon.told.empty()) << "the node heard of it";
  EXPECT_TRUE(daemon.said("channel.impersonation"));

  mallory.say(daemon, link, peer::ChannelOpen{2, name("mallory@h"), name("a@h"), {}});
  ASSERT_EQ(daemon.told.size(), 1u);
  ASSERT_EQ(daemon.channels.size(), 1u);
  EXPECT_EQ(daemon.channels[0].names.remote, name("mallory@h")) << "what the data road holds the handshake to";
}

TEST_F(TrustOfLinks, I1ARecordInTheMessageCountsBeforeTheMessage) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  const Bytes newer = mallory.record({name("mallory@h"), name("second@h")}, world.now.wall, 5, 2);
  mallory.say(daemon, link, peer::ChannelOpen{0, name("second@h"), name("a@h"), newer});
  ASSERT_EQ(daemon.told.size(), 1u);
  EXPECT_EQ(daemon.told[0].from, name("second@h"));
}

TEST_F(TrustOfLinks, I1AnAnswerFromADaemonThatIsNotProvenForTheNameIsNoAnswer) {
  daemon.book[name("bob@h")] = {address("10.0.0.66:9100")};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  const SessionId leg = daemon.dial(node, "bob@h");
  world.run();
  const auto open = one_sent_to<peer::ChannelOpen>(daemon, link);
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(open->channel % 2, 1u) << "odd from the connection's server";
  mallory.say(daemon, link, peer::ChannelOpened{open->channel, {}});
  EXPECT_EQ(daemon.refused_code(leg), RefuseCode::no_such_node);
  EXPECT_TRUE(one_sent_to<peer::ChannelCancel>(daemon, link).has_value());
  EXPECT_TRUE(daemon.channels.empty());
}

TEST_F(TrustOfLinks, I2ANameThatIsPinnedToAnotherKeyRefusesThePeerAndStaysPinned) {
  daemon.pins[name("bob@h")] = PinRead{key_of(9)};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h"), name("bob@h")});
  EXPECT_EQ(closed(link), LinkCode::not_trusted);
  EXPECT_EQ(**daemon.pins.at(name("bob@h")), key_of(9));
  EXPECT_FALSE(daemon.pins.contains(name("mallory@h"))) << "nothing of such a peer is pinned";
  ASSERT_TRUE(daemon.said("pin.other_key"));
  const auto event = std::ranges::find(daemon.events, "pin.other_key", &Event::name);
  EXPECT_EQ(event->severity, Severity::error);
  EXPECT_NE(event->text.find(daemon.signing.show(key_of(9))), std::string::npos);
  EXPECT_NE(event->text.find(daemon.signing.show(key_of(66))), std::string::npos);
}

TEST_F(TrustOfLinks, I2ALaterRecordCannotClaimAPinnedNameEither) {
  daemon.pins[name("bob@h")] = PinRead{key_of(9)};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  ASSERT_TRUE(is_admitted(link));
  for (std::uint64_t number = 2; number < 5; ++number)
    mallory.say(daemon, link, peer::RecordUpdate{mallory.record({name("mallory@h"), name("bob@h")}, world.now.wall, 5, number)});
  EXPECT_EQ(closed(link), std::nullopt) << "her own name stays hers";
  EXPECT_EQ(daemon.core->status(world.now).links.at(0).names, std::vector{name("mallory@h")});
  EXPECT_EQ(daemon.pins.at(name("bob@h")), PinRead{key_of(9)});
  EXPECT_EQ(daemon.count_of("pin.other_key"), 1u);
  mallory.say(daemon, link, peer::ChannelOpen{0, name("bob@h"), name("a@h"), {}});
  const auto refusal = one_sent_to<peer::ChannelRefused>(daemon, link);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefuseCode::not_trusted);
}

TEST_F(TrustOfLinks, I2ANameThatIsAnothersCostsAProvenPeerOnlyThatName) {  // squatted, or served here
  daemon.pins[name("app@db1")] = PinRead{key_of(66)};
  daemon.pins[name("ci7@db1")] = PinRead{key_of(9)};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("app@db1"), name("ci7@db1"), name("a@h")});
  EXPECT_TRUE(is_admitted(link));
  EXPECT_EQ(daemon.core->status(world.now).links.at(0).names, std::vector{name("app@db1")});
  EXPECT_EQ(daemon.pins.at(name("ci7@db1")), PinRead{key_of(9)});
  EXPECT_TRUE(daemon.said("pin.other_key") && daemon.said("name.taken"));
  world.pass(3min);
  EXPECT_EQ(daemon.count_of("pin.other_key") + daemon.count_of("name.taken"), 2u);
}

TEST_F(TrustOfLinks, ANameThatIsServedHereRefusesAPeerThatProvesNone) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h"), name("a@h")});
  EXPECT_EQ(closed(link), LinkCode::name_taken);
  EXPECT_TRUE(daemon.pins.empty()) << "nothing of such a peer is pinned";
}

TEST_F(TrustOfLinks, I2APinThatIsGoneOrCannotBeReadRefuses) {
  daemon.pins[name("bob@h")] = std::unexpected{PinError::unreadable};
  daemon.pins[name("eve@h")] = std::unexpected{PinError::missing_of_record};
  const LinkId one = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, one, 1, {name("bob@h")});
  EXPECT_EQ(closed(one), LinkCode::pin_unreadable);
  EXPECT_TRUE(daemon.said("pin.unreadable"));
  const LinkId two = mallory.connect(daemon, "10.0.0.67:9100", 2);
  mallory.hello(daemon, two, 2, {name("eve@h")});
  EXPECT_EQ(closed(two), LinkCode::pin_unreadable);
  EXPECT_TRUE(daemon.said("pin.missing"));
}

TEST_F(TrustOfLinks, I2APinThatCannotBeWrittenRefuses) {
  daemon.disk_is_full = true;
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  EXPECT_EQ(closed(link), LinkCode::pin_unreadable);
  EXPECT_FALSE(is_admitted(link));
}

TEST_F(TrustOfLinks, I2ALaterNameWhosePinCannotBeWrittenIsNotBelievedUntilItCan) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  daemon.disk_is_full = true;
  mallory.say(daemon, link, peer::RecordUpdate{mallory.record({name("mallory@h"), name("new@h")}, world.now.wall, 5, 2)});
  EXPECT_EQ(closed(link), std::nullopt);
  EXPECT_EQ(daemon.core->status(world.now).links.at(0).names, std::vector{name("mallory@h")});
  EXPECT_TRUE(daemon.said("pin.not_stored"));
  daemon.disk_is_full = false;
  world.pass(5s);
  EXPECT_EQ(daemon.core->status(world.now).links.at(0).names.size(), 2u);
}

TEST_F(TrustOfLinks, I2OfTwoFirstContactsAtOnceForOneNameOneWins) {
  const PlayedPeer rival{67};
  const LinkId one = mallory.connect(daemon, "10.0.0.66:9100", 1);
  const LinkId two = rival.connect(daemon, "10.0.0.67:9100", 2);
  mallory.send(daemon, one, mallory.hello_of(1, mallory.record({name("new@h")}, world.now.wall)));
  rival.send(daemon, two, rival.hello_of(2, rival.record({name("new@h")}, world.now.wall)));
  world.run();
  EXPECT_TRUE(is_admitted(one));
  EXPECT_EQ(closed(two), LinkCode::name_taken);
  EXPECT_EQ(**daemon.pins.at(name("new@h")), key_of(66));
}

TEST_F(TrustOfLinks, I2WhenTheFirstGoesBeforeItsPinIsStoredTheSecondReadsWhatWasStored) {
  const PlayedPeer rival{67};
  const LinkId one = mallory.connect(daemon, "10.0.0.66:9100", 1);
  const LinkId two = rival.connect(daemon, "10.0.0.67:9100", 2);
  mallory.send(daemon, one, mallory.hello_of(1, mallory.record({name("new@h")}, world.now.wall)));
  rival.send(daemon, two, rival.hello_of(2, rival.record({name("new@h")}, world.now.wall)));
  ASSERT_TRUE(world.move_one());  // the pins of the first are read; StorePins is on its way
  ASSERT_EQ(count<StorePins>(daemon.last), 1u);
  daemon.with([&](Core& core, Now now, Effects& out) {
    core.on_link_closed(one, {.how = LinkEnd::How::lost, .code = 0, .text = ""}, now, out);
  });
  world.run();
  EXPECT_EQ(closed(two), LinkCode::not_trusted);
  EXPECT_EQ(**daemon.pins.at(name("new@h")), key_of(66));
}

/// More daemons come than may be met within an hour, each with one node: the first 32 are n0 to n31.
struct ManyNewPeers : TrustOfLinks {
  static constexpr std::uint8_t peers = 40;
  std::vector<LinkId> peer_links;

  static NodeName node_of(int i) { return name("n" + std::to_string(i) + "@h" + std::to_string(i)); }
  static std::string address_of(int i) { return "10.0.1." + std::to_string(i) + ":9100"; }
  static PlayedPeer peer(int i) { return PlayedPeer{static_cast<std::uint8_t>(100 + i)}; }
  void come() {
    for (std::uint8_t i = 0; i < peers; ++i) {
      peer_links.push_back(peer(i).connect(daemon, address_of(i), i));
      peer(i).hello(daemon, peer_links.back(), i, {node_of(i)});
    }
  }
  std::size_t proven() const {
    const auto links = daemon.core->status(world.now).links;
    return static_cast<std::size_t>(std::ranges::count_if(links, [](const LinkStatus& each) { return !each.names.empty(); }));
  }
};

TEST_F(ManyNewPeers, AreAllLinkedAndI2NoMoreThan32PinnedAnHour) {
  come();
  for (const LinkId link : peer_links) EXPECT_TRUE(is_admitted(link));
  EXPECT_EQ(daemon.pins.size(), 32u);
  EXPECT_EQ(proven(), 32u);
  EXPECT_TRUE(daemon.said("pins.limited"));
  world.pass(59min);
  EXPECT_EQ(proven(), 32u);
  world.pass(2min);
  EXPECT_EQ(proven(), peers) << "though nobody said anything new";
  EXPECT_EQ(daemon.pins.size(), peers);
}

TEST_F(ManyNewPeers, AreNotReachedBeforeTheyArePinnedAndTheDiallerReadsWhyAndWhen) {
  come();
  world.pass(10min);
  daemon.book[node_of(35)] = {address(address_of(35))};
  const SessionId leg = daemon.dial(node, node_of(35).text());
  world.run();
  ASSERT_EQ(daemon.refused_code(leg), RefuseCode::not_trusted);
  const std::string text = daemon.refused(leg)->text;
  EXPECT_NE(text.find("32 first contacts an hour"), std::string::npos) << text;
  EXPECT_NE(text.find("in 50 min"), std::string::npos) << text;
  EXPECT_NE(text.find("keys pin"), std::string::npos) << text;
  EXPECT_TRUE(daemon.channels.empty());
  world.pass(51min);
  const SessionId again = daemon.dial(node, node_of(35).text());
  world.run();
  EXPECT_EQ(daemon.refused_code(again), std::nullopt) << "it is asked";
  EXPECT_TRUE(one_sent_to<peer::ChannelOpen>(daemon, peer_links[35]).has_value());
}

TEST_F(ManyNewPeers, AreTakenAtTheirWordByNobodyBeforeTheyArePinned) {  // I1
  come();
  peer(35).say(daemon, peer_links[35], peer::ChannelOpen{0, node_of(35), name("a@h"), {}});
  const auto refusal = one_sent_to<peer::ChannelRefused>(daemon, peer_links[35]);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefuseCode::not_trusted);
  EXPECT_NE(refusal->text.find("32 first contacts an hour"), std::string::npos) << refusal->text;
  EXPECT_TRUE(daemon.told.empty());
  EXPECT_FALSE(daemon.said("channel.impersonation")) << "it may well be its own name";
}

TEST_F(ManyNewPeers, CannotHaveANameThatAnotherKeyWasPinnedForMeanwhile) {  // I2
  come();
  daemon.pins[node_of(35)] = PinRead{key_of(9)};  // by an operator's hand
  world.pass(61min);
  EXPECT_EQ(daemon.pins.at(node_of(35)), PinRead{key_of(9)});
  EXPECT_EQ(proven(), peers - 1u);
  EXPECT_TRUE(daemon.said("pin.other_key"));
}

/// A peer whose daemon says a new record for every node that comes or goes.
struct NodesThatComeAndGo : TrustOfLinks {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  std::uint64_t number = 1;

  static std::vector<NodeName> names(std::string_view prefix, int from, int to, std::string_view host = "h") {
    std::vector<NodeName> some;
    for (int i = from; i < to; ++i) some.push_back(name(std::string{prefix} + std::to_string(i) + "@" + std::string{host}));
    return some;
  }
  void serve(const std::vector<NodeName>& now) {
    mallory.say(daemon, link, peer::RecordUpdate{mallory.record(now, world.now.wall, 5, ++number)});
  }
  std::size_t proven() const { return daemon.core->status(world.now).links.at(0).names.size(); }
};

TEST_F(NodesThatComeAndGo, AreAllBelievedOnceTheirKeyIsKnown) {
  mallory.hello(daemon, link, 1, {name("app@h")});
  for (int i = 0; i < 100; i += 10) {  // remote shells, ten at a time
    serve(names("shell", i, i + 10));
    EXPECT_EQ(proven(), 10u) << i;
  }
  EXPECT_EQ(daemon.pins.size(), 101u);
  const PlayedPeer stranger{67};
  const LinkId other = stranger.connect(daemon, "10.0.0.67:9100", 2);
  stranger.hello(daemon, other, 2, {name("other@elsewhere")});
  EXPECT_TRUE(is_admitted(other)) << "they take nothing from those never met";
}

TEST_F(NodesThatComeAndGo, AreBelievedOnANewLinkWithNoneOfTheOldNames) {
  mallory.hello(daemon, link, 1, {name("app@h")});
  for (std::uint8_t i = 0; i < 31; ++i) {  // the rest of the hour's first contacts
    const PlayedPeer peer{static_cast<std::uint8_t>(100 + i)};
    peer.hello(daemon, peer.connect(daemon, "10.0.1." + std::to_string(i) + ":9100", i), i, {name("n@h" + std::to_string(i))});
  }
  const LinkId again = mallory.connect(daemon, "10.0.0.66:9101", 50);
  mallory.hello(daemon, again, 50, {name("new@h")}, 6);
  EXPECT_EQ(closed(again), std::nullopt);
  EXPECT_TRUE(is_admitted(again));
  EXPECT_EQ(daemon.pins.at(name("new@h")), PinRead{key_of(66)});
}

TEST_F(NodesThatComeAndGo, AreBelievedOnlySoManyOfOneKeyAnHour) {
  mallory.hello(daemon, link, 1, {name("app@h")});
  serve(names("ci", 0, 64));
  serve(names("ci", 64, 128));
  EXPECT_EQ(daemon.pins.size(), 129u);
  serve(names("ci", 128, 130));
  EXPECT_EQ(daemon.pins.size(), 129u);
  EXPECT_EQ(closed(link), std::nullopt) << "a node too many costs only itself";
  EXPECT_TRUE(daemon.said("pins.limited"));
  const PlayedPeer other{67};
  const LinkId others = other.connect(daemon, "10.0.0.67:9100", 2);
  other.hello(daemon, others, 2, {name("a@h2"), name("b@h2")});
  EXPECT_TRUE(daemon.pins.contains(name("b@h2"))) << "another key has a budget of its own";
  world.pass(1h);
  serve(names("ci", 128, 130));
  EXPECT_EQ(proven(), 2u);
}

TEST_F(NodesThatComeAndGo, AreBelievedOnlySoManyOfAllKeysAnHour) {
  for (std::uint8_t i = 0; i < 5; ++i) {
    const PlayedPeer peer{static_cast<std::uint8_t>(100 + i)};
    const std::string host = "h" + std::to_string(i);
    const LinkId of_peer = peer.connect(daemon, "10.0.1." + std::to_string(i) + ":9100", i);
    peer.hello(daemon, of_peer, i, names("x", 0, 1, host));
    for (std::uint64_t n = 0; n < 2; ++n)
      peer.say(daemon, of_peer, peer::RecordUpdate{peer.record(names("y", static_cast<int>(n) * 64, static_cast<int>(n + 1) * 64, host), world.now.wall, 5, 2 + n)});
  }
  EXPECT_EQ(daemon.pins.size(), 5u + 512u);
}

TEST_F(NodesThatComeAndGo, AtOtherHostsAreFirstContacts) {  // a member that pins the names of all others first
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  std::vector<NodeName> squatted;
  for (int i = 0; i < 64; ++i) squatted.push_back(name("app@db" + std::to_string(i)));
  serve(squatted);
  EXPECT_EQ(daemon.pins.size(), 32u);
  EXPECT_EQ(closed(link), std::nullopt);
  EXPECT_TRUE(daemon.said("pins.limited"));
}

TEST_F(NodesThatComeAndGo, LeaveSoManyFilesOfOneKey) {
  for (const NodeName& old : names("old", 0, 1023)) daemon.pins[old] = PinRead{key_of(66)};
  mallory.hello(daemon, link, 1, names("new", 0, 2));
  EXPECT_EQ(proven(), 1u);
  EXPECT_EQ(daemon.pins.size(), 1024u);
  const auto limited = std::ranges::find(daemon.events, "pins.limited", &Event::name);
  ASSERT_NE(limited, daemon.events.end());
  EXPECT_NE(limited->text.find("1024 pins of one key"), std::string::npos) << limited->text;
  EXPECT_NE(limited->text.find("keys unpin"), std::string::npos) << limited->text;
}

TEST_F(NodesThatComeAndGo, LeaveFilesForKeysNeverMet) {
  for (int i = 0; i < 16'384 - 4'096; ++i) daemon.pins[name("n" + std::to_string(i) + "@elsewhere")] = PinRead{key_of(9)};
  mallory.hello(daemon, link, 1, names("new", 0, 2));
  EXPECT_EQ(proven(), 1u) << "the first contact; the further name has to wait";
}

TEST_F(NodesThatComeAndGo, AreNotBelievedWhenThereIsNoRoomForAnyPin) {
  for (int i = 0; i < 16'384; ++i) daemon.pins[name("n" + std::to_string(i) + "@elsewhere")] = PinRead{key_of(9)};
  mallory.hello(daemon, link, 1, {name("app@h")});
  EXPECT_TRUE(is_admitted(link));
  EXPECT_EQ(proven(), 0u);
  EXPECT_EQ(daemon.pins.size(), 16'384u);
}

TEST_F(NodesThatComeAndGo, CauseOneLineAMinuteWhenTheyAreTooMany) {
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  for (int i = 0; i < 1'000; i += 50) serve(names("x", i, i + 50));
  EXPECT_EQ(daemon.count_of("pins.limited"), 1u);
}

TEST_F(NodesThatComeAndGo, AtAHostThatAnotherKeyIsAtAreFirstContactsEach) {
  daemon.pins[name("app@db1")] = PinRead{key_of(9)};
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  serve(names("ci", 0, 64, "db1"));
  EXPECT_EQ(daemon.pins.size(), 1u + 32u) << "all that an hour has, her own name included";
  const PlayedPeer honest{9};
  const LinkId other = honest.connect(daemon, "10.0.0.9:9100", 2);
  honest.hello(daemon, other, 2, {name("app@db1")});
  mallory.say(daemon, link, peer::RecordUpdate{mallory.record({name("mallory@h")}, world.now.wall, 5, ++number)});
  honest.say(daemon, other, peer::RecordUpdate{honest.record({name("app@db1"), name("ci1@db1")}, world.now.wall, 5, 2)});
  EXPECT_EQ(closed(other), std::nullopt) << "the squatted name costs app@db1 nothing";
  EXPECT_TRUE(daemon.said("pin.other_key"));
}

TEST_F(NodesThatComeAndGo, AreBelievedOnceTheBudgetIsFreeAgain) {  // though the peer says nothing new
  mallory.hello(daemon, link, 1, {name("app@h")});
  serve(names("ci", 0, 64));
  serve(names("ci", 64, 128));
  serve(names("ci", 128, 130));
  EXPECT_EQ(proven(), 0u);
  world.pass(59min);
  EXPECT_EQ(proven(), 0u);
  EXPECT_EQ(daemon.count_of("pins.limited"), 1u) << "nothing is said while nothing changes";
  world.pass(2min);
  EXPECT_EQ(proven(), 2u);
}

/// The pins change while the link is up.
struct PinsThatChange : TrustOfLinks {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  void meet(std::vector<NodeName> names) { mallory.hello(daemon, link, 1, std::move(names)); }
  std::vector<NodeName> proven() const { return daemon.core->status(world.now).links.at(0).names; }
  void look() { world.pass(limits::pins_looked_at_every); }
};

TEST_F(PinsThatChange, ToAnotherKeyEndALinkThatHasNoOtherName) {
  meet({name("m@h")});
  daemon.pins[name("m@h")] = PinRead{key_of(9)};
  look();
  EXPECT_EQ(closed(link), LinkCode::not_trusted);
  EXPECT_TRUE(daemon.said("pin.other_key") && daemon.said("link.closed"));
}

TEST_F(PinsThatChange, AndAreTakenBackOrDamagedEndItToo) {
  meet({name("m@h"), name("n@h"), name("o@h")});
  daemon.pins.erase(name("m@h"));
  daemon.pins[name("n@h")] = std::unexpected{PinError::unreadable};
  daemon.pins[name("o@h")] = std::unexpected{PinError::missing_of_record};
  look();
  EXPECT_EQ(proven(), (std::vector{name("n@h"), name("o@h")})) << "somebody may be in the middle of changing them";
  look();
  EXPECT_EQ(closed(link), LinkCode::not_trusted);
  for (const char* event : {"pin.taken_back", "pin.unreadable", "pin.missing"}) EXPECT_TRUE(daemon.said(event)) << event;
}

TEST_F(PinsThatChange, AndCannotBeReadForAMomentCostNothing) {
  meet({name("m@h")});
  for (int i = 0; i < 3; ++i) {
    daemon.pins[name("m@h")] = std::unexpected{PinError::unreadable};
    look();
    daemon.pins[name("m@h")] = PinRead{key_of(66)};
    look();
  }
  EXPECT_EQ(closed(link), std::nullopt);
  EXPECT_EQ(proven(), std::vector{name("m@h")});
}

TEST_F(PinsThatChange, EndTheChannelsOfTheNameAloneWhenThereAreOthers) {
  meet({name("m@h"), name("n@h")});
  mallory.say(daemon, link, peer::ChannelOpen{0, name("m@h"), name("a@h"), {}});
  mallory.say(daemon, link, peer::ChannelOpen{2, name("n@h"), name("a@h"), {}});
  ASSERT_EQ(daemon.channels.size(), 2u);
  daemon.pins.erase(name("m@h"));
  look();
  EXPECT_EQ(closed(link), std::nullopt);
  EXPECT_EQ(proven(), std::vector{name("n@h")});
  EXPECT_TRUE(daemon.closed.contains(daemon.channels[0].leg));
  EXPECT_FALSE(daemon.closed.contains(daemon.channels[1].leg));
  mallory.say(daemon, link, peer::ChannelOpen{4, name("m@h"), name("a@h"), {}});
  EXPECT_EQ(daemon.channels.size(), 2u);
}

TEST_F(PinsThatChange, AreNotMadeAgainOnTheLinkWhoseNameWasTakenBack) {
  meet({name("m@h"), name("n@h")});
  daemon.pins.erase(name("m@h"));
  world.pass(1min);
  mallory.say(daemon, link, peer::RecordUpdate{mallory.record({name("m@h"), name("n@h")}, world.now.wall, 5, 2)});
  EXPECT_FALSE(daemon.pins.contains(name("m@h")));
  EXPECT_EQ(daemon.count_of("pin.taken_back"), 1u);
  daemon.pins[name("m@h")] = PinRead{key_of(66)};
  look();
  EXPECT_EQ(proven(), (std::vector{name("m@h"), name("n@h")})) << "until an operator pins it";
}

TEST_F(PinsThatChange, ByHandAreBelievedOnALinkThatIsUp) {
  Daemon& strict = world.add(4, "10.0.0.4:9100", {.trust = Trust::strict});
  strict.pins[name("m@h")] = PinRead{key_of(66)};
  const LinkId with_strict = mallory.connect(strict, "10.0.0.66:9100", 1);
  mallory.hello(strict, with_strict, 1, {name("m@h"), name("n@h")});
  ASSERT_EQ(strict.core->status(world.now).links.at(0).names, std::vector{name("m@h")});
  strict.pins[name("n@h")] = PinRead{key_of(66)};
  look();
  EXPECT_EQ(strict.core->status(world.now).links.at(0).names, (std::vector{name("m@h"), name("n@h")}));
}

TEST_F(PinsThatChange, AreFoundOnEachOfManyLinks) {
  std::vector<LinkId> all;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const PlayedPeer peer{static_cast<std::uint8_t>(100 + i)};
    all.push_back(peer.connect(daemon, "10.0.1." + std::to_string(i) + ":9100", i));
    peer.hello(daemon, all.back(), i, {name("n" + std::to_string(i) + "@h" + std::to_string(i))});
  }
  daemon.pins.clear();
  world.pass(16s);
  for (const LinkId each : all) EXPECT_EQ(closed(each), LinkCode::not_trusted);
}

TEST_F(TrustOfLinks, I3NothingOfAPeerReachesANodeBeforeAdmission) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.send(daemon, link, mallory.hello_of(1, mallory.record({name("mallory@h")}, world.now.wall)));
  mallory.send(daemon, link, peer::ChannelOpen{0, name("mallory@h"), name("a@h"), {}});  // the pins are being read
  EXPECT_TRUE(daemon.told.empty());
  EXPECT_EQ(count<AdmitLink>(daemon.last), 0u);
  world.run();
  EXPECT_EQ(daemon.told.size(), 1u) << "it waited for the pins";
}

TEST_F(TrustOfLinks, I3WithoutAHelloNothingIsSaid) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.say(daemon, link, peer::ChannelOpen{0, name("mallory@h"), name("a@h"), {}});
  EXPECT_EQ(closed(link), LinkCode::bad_message);
  EXPECT_TRUE(daemon.told.empty());
}

TEST_F(TrustOfLinks, I3WhatIsSaidWhileThePinsAreReadIsBounded) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.send(daemon, link, mallory.hello_of(1, mallory.record({name("mallory@h")}, world.now.wall)));
  for (int i = 0; i < 100 && !closed(link); ++i) mallory.send(daemon, link, peer::ChannelCancel{0});
  EXPECT_EQ(closed(link), LinkCode::bad_message);
  world.run();
}

TEST_F(TrustOfLinks, I3AHelloIsAcceptedWithinFiveSecondsOrTheLinkCloses) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  world.pass(4900ms);
  EXPECT_EQ(closed(link), std::nullopt);
  world.pass(200ms);
  EXPECT_EQ(closed(link), LinkCode::hello_timeout);
}

TEST_F(TrustOfLinks, I4AHelloOfAnotherConnectionIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 2);
  mallory.say(daemon, link, mallory.hello_of(1, mallory.record({name("mallory@h")}, world.now.wall)));
  EXPECT_EQ(closed(link), LinkCode::bad_binding);
}

TEST_F(TrustOfLinks, I4AHelloSentBackToItsSenderIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  const auto own = one_sent_to<peer::Hello>(daemon, link);
  ASSERT_TRUE(own.has_value());
  mallory.say(daemon, link, *own);
  EXPECT_EQ(closed(link), LinkCode::bad_record) << "it is of our key, and TLS proved another";
}

TEST_F(TrustOfLinks, I4AHelloForTheOtherRoleIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.say(daemon, link, mallory.hello_of(1, mallory.record({name("mallory@h")}, world.now.wall), Role::server));
  EXPECT_EQ(closed(link), LinkCode::bad_binding);
}

TEST_F(TrustOfLinks, I4ARecordOfAnotherKeyIsRefused) {
  const PlayedPeer bob{9};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.say(daemon, link, mallory.hello_of(1, bob.record({name("bob@h")}, world.now.wall)));
  EXPECT_EQ(closed(link), LinkCode::bad_record);
}

TEST_F(TrustOfLinks, I4ASecondHelloIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  mallory.hello(daemon, link, 1, {name("mallory@h")});
  EXPECT_EQ(closed(link), LinkCode::bad_message);
}

TEST_F(TrustOfLinks, AnotherClusterIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.say(daemon, link, make_hello(Role::client, exporter_of(1), "other", mallory.record({}, world.now.wall), mallory.signing));
  EXPECT_EQ(closed(link), LinkCode::wrong_cluster);
  auto body = mallory.body({name("mallory@h")}, world.now.wall);
  body.cluster = "other";
  const LinkId second = mallory.connect(daemon, "10.0.0.66:9100", 2);
  mallory.say(daemon, second, mallory.hello_of(2, sign_record(body, mallory.signing)));
  EXPECT_EQ(closed(second), LinkCode::wrong_cluster);
}

TEST_F(TrustOfLinks, AnExpiredRecordIsRefused) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.say(daemon, link, mallory.hello_of(1, mallory.record({name("mallory@h")}, world.now.wall - 24h - 6min)));
  EXPECT_EQ(closed(link), LinkCode::bad_record);
}

TEST_F(TrustOfLinks, TheDaemonDoesNotTalkToItself) {
  const PlayedPeer itself{1};
  const LinkId link = itself.connect(daemon, "10.0.0.1:9100", 1);
  EXPECT_EQ(closed(link), LinkCode::self);
}

TEST_F(TrustOfLinks, ANameThatIsServedHereCannotBeAPeers) {
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {name("a@h")});
  EXPECT_EQ(closed(link), LinkCode::name_taken);
  EXPECT_TRUE(daemon.pins.empty());
}

TEST_F(TrustOfLinks, StrictTakesPinnedKeysAndBelievesOnlyTheirPinnedNames) {
  Daemon& strict = world.add(4, "10.0.0.4:9100", {.trust = Trust::strict});
  const SessionId dialler = strict.attach(name("s@h"));
  const LinkId stranger = mallory.connect(strict, "10.0.0.66:9100", 1);
  mallory.hello(strict, stranger, 1, {name("mallory@h")});
  EXPECT_EQ(closed(stranger, strict), LinkCode::not_trusted);
  EXPECT_TRUE(strict.said("pin.none"));
  const LinkId nameless = mallory.connect(strict, "10.0.0.66:9100", 2);
  mallory.hello(strict, nameless, 2, {});
  EXPECT_EQ(closed(nameless, strict), LinkCode::not_trusted);

  strict.pins[name("bob@h")] = PinRead{key_of(9)};
  const PlayedPeer bob{9};
  const LinkId link = bob.connect(strict, "10.0.0.9:9100", 3);
  bob.hello(strict, link, 3, {name("bob@h"), name("more@h")});
  EXPECT_EQ(strict.core->status(world.now).links.at(0).names, std::vector{name("bob@h")});
  EXPECT_EQ(strict.pins.size(), 1u);
  strict.book[name("more@h")] = {address("10.0.0.9:9100")};
  const SessionId leg = strict.dial(dialler, "more@h");
  world.run();
  EXPECT_EQ(strict.refused_code(leg), RefuseCode::not_trusted);
}

TEST_F(TrustOfLinks, APeerThatRefusesUsIsAWarningThatSaysWhatToDoOnceAMinute) {
  const auto refused = [&](std::uint8_t number, LinkCode code) {
    const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", number);
    const LinkEnd why{.how = LinkEnd::How::closed_by_peer, .code = static_cast<std::uint64_t>(code), .text = "no"};
    daemon.with([&](Core& core, Now at, Effects& out) { core.on_link_closed(link, why, at, out); });
  };
  refused(1, LinkCode::not_trusted);
  const auto event = std::ranges::find(daemon.events, "link.refused", &Event::name);
  ASSERT_NE(event, daemon.events.end());
  EXPECT_EQ(event->severity, Severity::warning);
  EXPECT_NE(event->text.find("keys pin NAME KEY"), std::string::npos) << event->text;
  refused(2, LinkCode::not_trusted);
  EXPECT_EQ(daemon.count_of("link.refused"), 1u);
  world.pass(61s);
  refused(3, LinkCode::wrong_cluster);
  EXPECT_EQ(daemon.count_of("link.refused"), 2u);
  EXPECT_NE(daemon.events.back().text.find("explain wrong_cluster"), std::string::npos) << daemon.events.back().text;
}

TEST_F(TrustOfLinks, OneSourceCausesOneLineAMinute) {
  for (std::uint8_t i = 0; i < 20; ++i) {
    const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", i);
    mallory.say(daemon, link, peer::ChannelCancel{0});
  }
  EXPECT_EQ(daemon.count_of("link.refused"), 1u);
  EXPECT_EQ(daemon.core->status(world.now).refused_links, 20u);
  world.pass(61s);
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 99);
  mallory.say(daemon, link, peer::ChannelCancel{0});
  EXPECT_EQ(daemon.count_of("link.refused"), 2u);
}

TEST(OurRecord, IsSentAnewWhenNamesChangeAndBeforeItExpires) {
  World world;
  Daemon& daemon = world.add(1, "10.0.0.1:9100");
  daemon.attach(name("a@h"));
  PlayedPeer mallory{66};
  const LinkId link = mallory.connect(daemon, "10.0.0.66:9100", 1);
  mallory.hello(daemon, link, 1, {});  // its names are not looked at again meanwhile
  daemon.attach(name("b@h"));
  auto update = one_sent_to<peer::RecordUpdate>(daemon, link);
  ASSERT_TRUE(update.has_value());
  const auto record = verify_record(update->record, {key_of(1), "default", world.now.wall}, mallory.signing);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->body.names, (std::vector{name("a@h"), name("b@h")}));
  const auto expires = record->body.expires;

  daemon.last.clear();
  std::size_t updates = 0;
  while (world.now.wall < expires - 1h) {
    world.pass(daemon.core->next_deadline() - world.now.steady);
    if (one_sent_to<peer::RecordUpdate>(daemon, link)) ++updates;
    daemon.last.clear();
  }
  EXPECT_GE(updates, 1u);
  EXPECT_LE(updates, 3u);
}

}  // namespace
}  // namespace bp2p::test
