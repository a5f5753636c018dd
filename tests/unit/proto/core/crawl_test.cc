// The overlay is drawn: a crawl as a value, between real cores, and against a peer that means harm.
#include "proto/core/crawl.h"

#include <gtest/gtest.h>

#include "proto/membership/codec.h"
#include "proto/membership/hyparview.h"
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

using membership::ContactPtr;
using Answer = Crawl::Answer;

ContactPtr contact(std::size_t seed) {
  membership::Contact made;
  store_be(made.key.bytes.data(), static_cast<std::uint64_t>(seed));
  return std::make_shared<const membership::Contact>(std::move(made));
}
PublicKey key(std::size_t seed) { return contact(seed)->key; }

std::vector<ContactPtr> contacts(std::initializer_list<std::size_t> seeds) {
  std::vector<ContactPtr> list;
  for (const std::size_t seed : seeds) list.push_back(contact(seed));
  return list;
}

constexpr TimePoint start{1000s};

std::vector<PublicKey> asked(Crawl& crawl, TimePoint now = start) {
  std::vector<PublicKey> keys;
  while (const ContactPtr next = crawl.next(now)) keys.push_back(next->key);
  return keys;
}

// --- a value -----------------------------------------------------------------------------------------------------

TEST(ACrawl, AsksEveryDaemonOnceTheNearestFirst) {
  Crawl crawl{key(1), contacts({2, 3}), {}, start};
  EXPECT_EQ(asked(crawl), (std::vector{key(2), key(3)}));
  crawl.on_view(key(3), contacts({1, 4, 2, 4, 3}));
  EXPECT_EQ(asked(crawl), std::vector{key(4)});
  crawl.on_view(key(2), contacts({1, 3}));
  EXPECT_FALSE(crawl.is_over(start));
  crawl.on_view(key(4), contacts({3}));
  EXPECT_TRUE(crawl.is_over(start));
  EXPECT_EQ(crawl.daemons().at(key(3)).neighbours, (std::vector{key(1), key(4), key(2)})) << "none twice, and not itself";
  EXPECT_EQ(crawl.daemons().size(), 4u);
}

TEST(ACrawl, OfADaemonAloneIsOverAtOnce) {
  const Crawl crawl{key(1), {}, {}, start};
  EXPECT_TRUE(crawl.is_over(start));
  EXPECT_EQ(crawl.daemons().at(key(1)).answer, Answer::given);
}

TEST(ACrawl, WaitsForEightAndNoLongerThanItsPatience) {
  Crawl wide{key(1), contacts({2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), {}, start};
  EXPECT_EQ(asked(wide).size(), limits::crawl_under_way_max);
  EXPECT_EQ(wide.next_deadline(start), start + crawl_patience);
  wide.on_unreachable(key(2));
  EXPECT_EQ(asked(wide), std::vector{key(10)});
  EXPECT_EQ(asked(wide, start + crawl_patience), std::vector{key(11)});
  EXPECT_FALSE(wide.is_over(start + crawl_patience));
  wide.on_view(key(3), contacts({1}));  // late, and welcome
  wide.on_view(key(11), contacts({1}));
  EXPECT_TRUE(wide.is_over(start + crawl_patience));
  EXPECT_EQ(wide.daemons().at(key(2)).answer, Answer::none);
  EXPECT_EQ(wide.daemons().at(key(3)).answer, Answer::given);
  EXPECT_EQ(wide.daemons().at(key(4)).answer, Answer::none);
}

TEST(ACrawl, HasAnEndWhoeverKeepsItBusy) {
  Crawl crawl{key(1), contacts({2}), {}, start};
  EXPECT_EQ(asked(crawl), std::vector{key(2)});
  EXPECT_TRUE(crawl.is_over(start + crawl_budget));
  crawl.on_view(key(2), contacts({3}));
  EXPECT_TRUE(asked(crawl, start + crawl_budget).empty());
  EXPECT_LE(crawl.next_deadline(start + crawl_patience), start + crawl_budget);
}

TEST(ACrawl, AsksMembersWhomNobodyNamedWhenItHasWalkedTheRest) {
  Crawl crawl{key(1), contacts({2}), contacts({2, 7, 8}), start};
  EXPECT_EQ(asked(crawl), std::vector{key(2)});
  crawl.on_view(key(2), contacts({1}));
  EXPECT_EQ(asked(crawl), (std::vector{key(7), key(8)}));
  crawl.on_view(key(7), contacts({8, 9}));
  EXPECT_EQ(asked(crawl), std::vector{key(9)});
}

TEST(ACrawl, AsksNoMoreThanItMayHoweverManyAreNamed) {
  std::vector<ContactPtr> many;
  for (std::size_t seed = 10; seed < 10 + 2 * limits::crawl_asked_max; ++seed) many.push_back(contact(seed));
  Crawl crawl{key(1), contacts({2}), many, start};
  EXPECT_EQ(asked(crawl), std::vector{key(2)});
  crawl.on_view(key(2), many);
  std::size_t count = 1;
  for (std::vector<PublicKey> some = asked(crawl); !some.empty(); some = asked(crawl)) {
    count += some.size();
    crawl.leave_out(some.front());
    for (std::size_t i = 1; i < some.size(); ++i) crawl.on_view(some[i], {});
  }
  EXPECT_EQ(count, limits::crawl_asked_max);
  EXPECT_TRUE(crawl.is_over(start));
  EXPECT_EQ(crawl.daemons().at(key(10)).answer, Answer::not_asked);
  EXPECT_EQ(crawl.daemons().at(many.back()->key).answer, Answer::not_asked);
}

// --- between cores -----------------------------------------------------------------------------------------------

struct Crawling : testing::Test {
  World world{7};

  Daemon& at(std::size_t i) { return *world.daemons[i]; }
  static std::string host(std::size_t i) { return "10.0.1." + std::to_string(i + 1) + ":9100"; }
  void cluster(std::size_t count, CoreConfig config = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) config.contacts = {address(host(0))};
      config.membership.swaps_per_thousand_rounds = 0;  // what is shown is compared with what is there a little later
      world.add(static_cast<std::uint8_t>(i + 1), host(i), config);
      at(i).attach(name("n" + std::to_string(i) + "@h" + std::to_string(i)));
    }
    world.pass(2min);
  }
  static void begin(Daemon& daemon) {
    daemon.with([](Core& core, Now now, Effects& out) { core.on_crawl(now, out); });
  }
  static ClusterGraph crawl(Daemon& daemon) {
    const std::size_t had = daemon.graphs.size();
    begin(daemon);
    daemon.world.pass(crawl_gap + crawl_budget);
    EXPECT_EQ(daemon.graphs.size(), had + 1);
    return daemon.graphs.back();
  }
  static const ClusterGraph::Daemon* find(const ClusterGraph& graph, const PublicKey& whose) {
    const auto found = std::ranges::find(graph.daemons, whose, &ClusterGraph::Daemon::key);
    return found == graph.daemons.end() ? nullptr : &*found;
  }
};

TEST_F(Crawling, ShowsEveryDaemonWithTheNeighboursThatItHas) {
  cluster(12);
  const ClusterGraph graph = crawl(at(3));
  EXPECT_EQ(graph.members, 12u);
  ASSERT_EQ(graph.daemons.size(), 12u);
  EXPECT_LT(graph.took, crawl_patience);
  for (std::size_t i = 0; i < 12; ++i) {
    const auto* shown = find(graph, at(i).signing.own_key());
    ASSERT_NE(shown, nullptr) << i;
    EXPECT_EQ(shown->answer, Answer::given) << i;
    EXPECT_EQ(shown->is_self, i == 3);
    EXPECT_EQ(shown->as_member.has_value(), i != 3);
    EXPECT_EQ(shown->names, std::vector{name("n" + std::to_string(i) + "@h" + std::to_string(i))});
    std::set<PublicKey> has;
    for (const auto& each : at(i).core->overlay().view().active()) has.insert(each.contact->key);
    EXPECT_EQ((std::set<PublicKey>{shown->neighbours.begin(), shown->neighbours.end()}), has) << i;
    EXPECT_TRUE(std::ranges::all_of(shown->neighbours, [&](const PublicKey& other) {
      return std::ranges::contains(find(graph, other)->neighbours, shown->key);
    })) << i;
  }
}

TEST_F(Crawling, IsOneAtATimeAndNotAtOnceAgain) {
  cluster(4);
  for (int i = 0; i < 3; ++i) begin(at(0));
  world.run();
  EXPECT_EQ(at(0).graphs.size(), 1u) << "one for all three";
  begin(at(0));
  world.run();
  EXPECT_EQ(at(0).graphs.size(), 1u);
  world.pass(crawl_gap);
  EXPECT_EQ(at(0).graphs.size(), 2u);
}

TEST_F(Crawling, ShowsWhoDoesNotAnswerAndItsLinksAsTheOthersHaveThem) {
  cluster(8);
  world.hush(at(5));
  const ClusterGraph graph = crawl(at(0));
  EXPECT_GE(graph.took, crawl_patience);
  EXPECT_LE(graph.took, crawl_budget);
  const auto* silent = find(graph, at(5).signing.own_key());
  ASSERT_NE(silent, nullptr);
  EXPECT_EQ(silent->answer, Answer::none);
  EXPECT_EQ(std::ranges::count(graph.daemons, Answer::given, &ClusterGraph::Daemon::answer), 7);
  EXPECT_TRUE(std::ranges::any_of(graph.daemons, [&](const auto& each) {
    return std::ranges::contains(each.neighbours, silent->key);
  }));
}

TEST_F(Crawling, DoesNotWaitForWhomItCannotReach) {
  cluster(8);
  world.unreachable.insert(at(5).at);
  world.mute(at(5));
  const ClusterGraph graph = crawl(at(0));
  EXPECT_LT(graph.took, crawl_patience);
  ASSERT_NE(find(graph, at(5).signing.own_key()), nullptr);
  EXPECT_EQ(find(graph, at(5).signing.own_key())->answer, Answer::none);
}

TEST_F(Crawling, OfADaemonAloneShowsItself) {
  world.add(1, host(0));
  const ClusterGraph graph = crawl(at(0));
  ASSERT_EQ(graph.daemons.size(), 1u);
  EXPECT_TRUE(graph.daemons[0].is_self);
  EXPECT_EQ(graph.members, 1u);
}

TEST_F(Crawling, LeavesFirstContactsToTheNodes) {
  cluster(30);
  Daemon& newcomer = world.add(99, "10.0.2.1:9100", {.contacts = {address(host(0))}});
  newcomer.attach(name("new@comer"));
  world.pass(1s);
  const std::size_t half = limits::first_contacts_per_hour / 2;
  ASSERT_LT(newcomer.pins.size(), half);
  begin(newcomer);
  world.run();
  ASSERT_EQ(newcomer.graphs.size(), 1u);
  EXPECT_LE(newcomer.pins.size(), half + limits::crawl_under_way_max);
  EXPECT_GT(std::ranges::count(newcomer.graphs[0].daemons, Answer::not_asked, &ClusterGraph::Daemon::answer), 0);
  EXPECT_EQ(newcomer.graphs[0].daemons.size(), 31u) << "their neighbours name them";
}

TEST_F(Crawling, EndsWhenTheDaemonStops) {
  cluster(3);
  world.hush(at(1));
  begin(at(0));
  at(0).with([](Core& core, Now now, Effects& out) { core.on_stop(now, out); });
  EXPECT_EQ(at(0).graphs.size(), 1u);
}

// --- a peer that is asked and means harm, or asks too often -------------------------------------------------------

struct CrawlingAHostileMember : Crawling {
  PlayedPeer evil{66};
  LinkId link;

  void SetUp() override {
    cluster(3);
    link = evil.connect(at(0), "66.0.0.1:9100", 1);
    evil.hello(at(0), link, 1, {name("evil@x")});
    PlayedPeer::say(at(0), link, peer::Membership{membership::encode(membership::Message{membership::Neighbor{membership::Priority::high}})});
    ASSERT_TRUE(at(0).core->overlay().view().is_active(evil.signing.own_key()));
  }
  Bytes record_of(std::uint8_t seed, std::string_view cluster_name = "default") const {
    const PlayedPeer who{seed};
    peer::RecordBody body = who.body({}, world.now.wall);
    body.cluster = cluster_name;
    return sign_record(body, who.signing);
  }
  bool is_closed() { return at(0).links_closed_by_us.contains(link); }
};

TEST_F(CrawlingAHostileMember, IsAskedOnceAndNeedsTheirSignaturesForOthers) {
  begin(at(0));
  Bytes forged = record_of(70);
  std::ranges::copy(at(1).signing.own_key().bytes, forged.begin());
  PlayedPeer::say(at(0), link, peer::View{{forged}});
  EXPECT_EQ(at(0).links_closed_by_us[link], LinkCode::misbehaved);
  world.pass(crawl_budget);
  ASSERT_EQ(at(0).graphs.size(), 1u);
  EXPECT_EQ(find(at(0).graphs[0], evil.signing.own_key())->answer, Answer::none);
}

TEST_F(CrawlingAHostileMember, MayNotNameDaemonsOfAnotherCluster) {
  begin(at(0));
  PlayedPeer::say(at(0), link, peer::View{{record_of(70, "another")}});
  EXPECT_EQ(at(0).links_closed_by_us[link], LinkCode::misbehaved);
}

TEST_F(CrawlingAHostileMember, MayNotNameMoreThanADaemonCanHave) {
  begin(at(0));
  PlayedPeer::say(at(0), link, peer::View{std::vector(limits::view_records_max + 1, record_of(70))});
  EXPECT_EQ(at(0).links_closed_by_us[link], LinkCode::misbehaved);
}

TEST_F(CrawlingAHostileMember, NamesItselfAndStrangersWhoAreNoMembersForThat) {
  begin(at(0));
  PlayedPeer::say(at(0), link, peer::View{{record_of(66), record_of(70), record_of(70), record_of(71)}});
  PlayedPeer::say(at(0), link, peer::View{{record_of(72)}});  // one answer is enough
  world.pass(crawl_budget);
  ASSERT_EQ(at(0).graphs.size(), 1u);
  const auto* shown = find(at(0).graphs[0], evil.signing.own_key());
  EXPECT_EQ(shown->neighbours, (std::vector{key_of(70), key_of(71)}));
  EXPECT_EQ(find(at(0).graphs[0], key_of(72)), nullptr);
  EXPECT_EQ(at(0).core->status(world.now).overlay.members.alive, 4u) << "the three, and the hostile one itself";
  EXPECT_FALSE(is_closed());
}

TEST_F(CrawlingAHostileMember, MayNotSpeakOfItUnasked) {
  PlayedPeer::say(at(0), link, peer::View{{record_of(70)}});
  EXPECT_FALSE(at(0).core->peer(at(0).signing.show(key_of(70)), world.now));
  EXPECT_FALSE(is_closed());
}

TEST_F(CrawlingAHostileMember, IsAnsweredABoundedNumberOfTimesThenClosed) {
  std::size_t answers = 0;
  for (std::size_t i = 0; i < limits::overlay_words_dropped_max + 100 && !is_closed(); ++i) {
    PlayedPeer::send(at(0), link, peer::ViewAsked{});
    if (one_sent_to<peer::View>(at(0), link)) ++answers;
  }
  EXPECT_EQ(answers, static_cast<std::size_t>(limits::views_burst));
  EXPECT_EQ(at(0).links_closed_by_us[link], LinkCode::misbehaved);
}

TEST_F(CrawlingAHostileMember, OrANewerOneMaySayWhatThisVersionDoesNotKnow) {
  // As ViewAsked is to an older daemon: a member of PeerMessage with a number of its own.
  const Bytes newer{std::byte{0x7a}, std::byte{0}};
  EXPECT_EQ(peer::decode(newer).error(), peer::MessageError::unknown_message);
  at(0).with([&](Core& core, Now now, Effects& out) { core.on_link_message(link, LinkStream::overlay, newer, now, out); });
  EXPECT_FALSE(is_closed());
}

TEST_F(Crawling, AnsweringIsForThoseWhoWereAdmitted) {
  cluster(2);
  const PlayedPeer stranger{67};
  const LinkId link = stranger.connect(at(0), "67.0.0.1:9100", 1);
  PlayedPeer::send(at(0), link, peer::ViewAsked{});
  EXPECT_FALSE(one_sent_to<peer::View>(at(0), link));
  EXPECT_EQ(at(0).links_closed_by_us[link], LinkCode::bad_message);
}

}  // namespace
}  // namespace bp2p::test
