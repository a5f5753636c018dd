#include "daemon/discovery/srv.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>

#include "daemon/net/sockaddr.h"

namespace bp2p {
namespace {

constexpr std::size_t records_max = 64;
constexpr std::string_view service = "_barrel-p2p._udp.";

class Resolver {
 public:
  explicit Resolver(const std::optional<Address>& name_server) {
    if (::res_ninit(&state_) != 0) return;
    is_open_ = true;
    if (name_server) {
      state_.nscount = 1;
      state_.nsaddr_list[0] = to_sockaddr4(*name_server);
    }
    // Not /etc/resolv.conf's 5 s twice per server: A and AAAA come after this, within the same 3 s. A server's first
    // try takes `retrans` seconds, and never less than one.
    state_.nscount = std::min(state_.nscount, 2);
    state_.retrans = 1;
    state_.retry = state_.nscount > 1 ? 1 : 2;
    state_.ndots = 15;  // the search domains first: `_barrel-p2p._udp.db1` has dots, but the host has none
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver() {
    if (is_open_) ::res_nclose(&state_);
  }
  /// The bytes of the answer, or none.
  std::span<const std::uint8_t> ask(const std::string& host) {
    if (!is_open_) return {};
    const std::string name = std::string{service} + host;
    const auto query = host.contains('.') ? &::res_nquery : &::res_nsearch;
    const int length = query(&state_, name.c_str(), ns_c_in, ns_t_srv, answer_.data(), static_cast<int>(answer_.size()));
    if (length <= 0 || static_cast<std::size_t>(length) > answer_.size()) return {};
    return std::span{answer_}.first(static_cast<std::size_t>(length));
  }

 private:
  struct __res_state state_ {};
  bool is_open_ = false;
  std::array<std::uint8_t, 16 * 1024> answer_;  // 64 records of 250 bytes; a longer answer is no answer
};

}  // namespace

std::vector<SrvRecord> ask_for_srv(const std::string& host, const std::optional<Address>& name_server) {
  Resolver resolver{name_server};
  return srv_records(resolver.ask(host));
}

std::vector<SrvRecord> srv_records(std::span<const std::uint8_t> answer) {
  ns_msg message;
  if (answer.empty() || ::ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) return {};
  std::vector<SrvRecord> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an) && records.size() < records_max; ++i) {
    ns_rr one;
    if (::ns_parserr(&message, ns_s_an, i, &one) != 0) break;
    if (ns_rr_type(one) != ns_t_srv || ns_rr_rdlen(one) < 7) continue;  // a CNAME on the way, perhaps
    const std::uint8_t* data = ns_rr_rdata(one);
    std::array<char, NS_MAXDNAME> target{};
    if (::dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, target.data(), target.size()) < 0) continue;
    records.push_back({.priority = static_cast<std::uint16_t>(ns_get16(data)),
                       .weight = static_cast<std::uint16_t>(ns_get16(data + 2)),
                       .port = static_cast<std::uint16_t>(ns_get16(data + 4)),
                       .target = std::string{target.data()}});
    if (records.back().target == ".") records.back().target.clear();
  }
  return records;
}

std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, Rng& rng) {
  std::ranges::stable_sort(records, [](const SrvRecord& a, const SrvRecord& b) {
    // "place all those with weight 0 at the beginning of the list"
    return std::pair{a.priority, a.weight != 0} < std::pair{b.priority, b.weight != 0};
  });
  for (auto first = records.begin(); first != records.end();) {
    const auto last = std::find_if(first, records.end(), [&](const SrvRecord& each) { return each.priority != first->priority; });
    for (; first != last; ++first) {
      std::uint64_t sum = 0;
      for (auto each = first; each != last; ++each) sum += each->weight;
      // "choose a uniform random number between 0 and the sum computed (inclusive), and select the RR whose running sum
      // value is the first in the selected order which is greater than or equal to the random number selected"
      const std::uint64_t drawn = rng.below(sum + 1);
      std::uint64_t running = 0;
      for (auto each = first; each != last; ++each) {
        running += each->weight;
        if (running < drawn) continue;
        std::rotate(first, each, each + 1);  // the rest keeps its order
        break;
      }
    }
  }
  return records;
}

}  // namespace bp2p
