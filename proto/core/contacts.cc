#include "proto/core/contacts.h"

#include <algorithm>

#include "proto/wire/limits.h"

namespace bp2p {

using membership::ContactPtr;
using membership::RecordFault;

ContactPtr contact_from(const VerifiedRecord& record, const Bytes& bytes) {
  return std::make_shared<const membership::Contact>(membership::Contact{
      .key = record.key, .epoch = record.body.epoch, .number = record.body.number,
      .record = std::make_shared<const Bytes>(bytes), .addresses = record.body.addresses});
}

std::expected<ContactPtr, RecordFault> Contacts::read(ByteView record, WallTime now) {
  // The key comes first: a record that we have is found without looking at its signature again.
  if (record.size() > PublicKey::size) {
    PublicKey key;
    std::ranges::copy(record.first(PublicKey::size), key.bytes.begin());
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      const Known& known = found->second.known;
      if (std::ranges::equal(*known.contact->record, record)) {
        touch(found->second);
        if (known.expires < now - limits::clock_tolerance) return std::unexpected{RecordFault::outdated};
        return known.contact;
      }
    }
  }
  const auto verified = verify_record(record, {std::nullopt, cluster_, now}, signing_);
  if (!verified) {
    // Clocks differ and time passes; the rest no honest daemon hands on.
    const bool is_outdated = verified.error() == RecordError::expired || verified.error() == RecordError::not_yet_valid;
    return std::unexpected{is_outdated ? RecordFault::outdated : RecordFault::forged};
  }
  return keep(*verified, Bytes{record.begin(), record.end()});
}

void Contacts::forget_names(const std::pair<const PublicKey, Entry>& of) {
  for (const NodeName& name : of.second.known.names) {
    auto [it, end] = by_name_.equal_range(name);
    while (it != end) it = it->second == of.first ? by_name_.erase(it) : std::next(it);
  }
}

void Contacts::make_room(std::size_t bytes) {
  while (!heard_.empty() && ((bytes > 0 && by_key_.size() >= known_max) || bytes_ + bytes > bytes_max)) {
    const auto oldest = by_key_.find(heard_.front());
    forget_names(*oldest);
    bytes_ -= oldest->second.known.contact->record->size();
    by_key_.erase(oldest);
    heard_.pop_front();
  }
}

ContactPtr Contacts::keep(const VerifiedRecord& record, const Bytes& bytes) {
  auto found = by_key_.find(record.key);
  if (found != by_key_.end()) {
    touch(found->second);
    const membership::Contact& had = *found->second.known.contact;
    if (std::tie(had.epoch, had.number) >= std::tie(record.body.epoch, record.body.number)) return found->second.known.contact;
    forget_names(*found);
    bytes_ -= had.record->size();
  } else {
    make_room(bytes.size());
    found = by_key_.emplace(record.key, Entry{{}, heard_.insert(heard_.end(), record.key)}).first;
  }
  bytes_ += bytes.size();
  make_room(0);  // a newer record may be longer; the one just heard of is the last to go
  Known& known = found->second.known;
  known.contact = contact_from(record, bytes);
  known.names = record.body.names;
  known.expires = record.body.expires;
  for (const NodeName& name : known.names) by_name_.emplace(name, record.key);
  return known.contact;
}

void Contacts::on_proven(const PublicKey& key, const std::set<NodeName>& names) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) found->second.known.proven = names;
}

const Contacts::Known* Contacts::find(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &found->second.known;
}

std::vector<PublicKey> Contacts::keys_of(const NodeName& name) const {
  std::vector<PublicKey> keys;
  for (auto [it, end] = by_name_.equal_range(name); it != end; ++it) keys.push_back(it->second);
  return keys;
}

std::vector<Address> Contacts::addresses_of(const NodeName& name) const {
  std::vector<const Known*> serving;
  for (auto [it, end] = by_name_.equal_range(name); it != end; ++it) serving.push_back(&by_key_.at(it->second).known);
  std::ranges::stable_sort(serving, std::ranges::greater{},
                           [&](const Known* each) { return std::pair{each->proven.contains(name), each->expires}; });
  std::vector<Address> addresses;
  for (std::size_t turn = 0; turn < limits::addresses_per_record_max; ++turn)
    for (const Known* each : serving) {
      if (turn >= each->contact->addresses.size()) continue;
      const Address& address = each->contact->addresses[turn];
      if (addresses.size() < limits::addresses_per_name_max && !std::ranges::contains(addresses, address))
        addresses.push_back(address);
    }
  return addresses;
}

}  // namespace bp2p
