// Cuts what comes on the link stream or the overlay stream into messages: `Len:32 Message:Len` (docs/wire.md 2.1).
#pragma once
#include <cstddef>
#include <vector>

#include "proto/base/bytes.h"

namespace bp2p {

class MessageReader {
 public:
  struct Bounds {
    std::size_t message_bytes_max;
    std::size_t messages_max;  ///< waiting in `into`
  };
  /// Appends whole messages to `into`. False: one is too long, or they are too many; nothing after that is read.
  bool take(ByteView bytes, const Bounds& bounds, std::vector<Bytes>& into) {
    in_.insert(in_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (in_.size() - at >= 4) {
      const auto size = load_be<std::uint32_t>(in_.data() + at);
      if (size > bounds.message_bytes_max || into.size() >= bounds.messages_max) {
        in_.clear();
        return false;
      }
      if (in_.size() - at - 4 < size) break;
      const ByteView message = ByteView{in_}.subspan(at + 4, size);
      into.emplace_back(message.begin(), message.end());
      at += 4 + size;
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }

 private:
  Bytes in_;
};

}  // namespace bp2p
