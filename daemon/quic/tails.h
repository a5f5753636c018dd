// What channels that ended in good order left to be sent: bytes and ends of streams that nobody looks at any more. They take
// turns with the living channels, as one of them, and among themselves.
#pragma once
#include <algorithm>
#include <deque>

#include "daemon/quic/stream.h"

namespace bp2p::quic {

class Tails final : public SendGroup {
 public:
  void add(Stream& stream) { streams_.push_back(&stream); }
  void remove(const Stream& stream) { std::erase(streams_, &stream); }

  Stream* next_to_send() override {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      std::ranges::rotate(streams_, streams_.begin() + 1);
      if (streams_.back()->may_send()) return streams_.back();
    }
    return nullptr;
  }

 private:
  std::deque<Stream*> streams_;
};

}  // namespace bp2p::quic
