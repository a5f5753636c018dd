#include "proto/core/ledger.h"

namespace bp2p {

std::string_view name_of(AttemptPhase phase) {
  switch (phase) {
    case AttemptPhase::look_up: return "look-up";
    case AttemptPhase::udp: return "udp";
    case AttemptPhase::tls: return "tls";
    case AttemptPhase::hello: return "hello";
    case AttemptPhase::trust: return "trust";
    case AttemptPhase::channel: return "channel";
  }
  return "unknown";
}

void Ledger::note(const Sought& whom, Entry entry) {
  if (entry.result.size() > result_bytes_max) {
    std::size_t end = result_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(entry.result[end]) & 0xc0) == 0x80) --end;  // not within a character
    entry.result.resize(end);
  }
  auto found = rows_.find(whom);
  if (found == rows_.end()) {
    if (rows_.size() >= sought_max) {
      rows_.erase(noted_.front());
      noted_.pop_front();
    }
    found = rows_.emplace(whom, Row{{}, noted_.insert(noted_.end(), whom)}).first;
  } else {
    noted_.splice(noted_.end(), noted_, found->second.noted);
  }
  auto& entries = found->second.entries;
  if (entries.size() >= entries_max) entries.pop_front();
  entries.push_back(std::move(entry));
}

std::vector<Ledger::Entry> Ledger::of(const Sought& whom) const {
  const auto found = rows_.find(whom);
  if (found == rows_.end()) return {};
  return {found->second.entries.begin(), found->second.entries.end()};
}

}  // namespace bp2p
