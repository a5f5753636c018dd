// What has been seen of one origin, and the payloads that are kept for whoever grafts.
//
// Because an origin numbers its broadcasts, "seen" is one number and the few beyond it: no set of hashes, nothing that
// expires, and so nothing that could be delivered twice after it expired.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "proto/base/now.h"
#include "proto/gossip/messages.h"

namespace bp2p::gossip {

class Recent {
 public:
  struct Kept {
    std::uint64_t number = 0;
    TimePoint heard{};  ///< first announced to us, or `came`
    TimePoint came{};
    Payload payload;
  };
  /// Beside the payload: Kept, a map node, the shared_ptr's block and the vector.
  static constexpr std::size_t overhead = 160;

  /// All up to `contiguous` counts as seen.
  explicit Recent(std::uint64_t contiguous) : contiguous_(contiguous) {}

  std::uint64_t contiguous() const { return contiguous_; }
  bool has_seen(std::uint64_t number) const { return number <= contiguous_ || beyond_.contains(number); }
  /// Delivered and kept: first()..contiguous(). None: first() == contiguous() + 1.
  std::uint64_t first() const { return contiguous_ + 1 - kept_count(); }
  /// Came, and waits for one before it.
  const std::map<std::uint64_t, Kept>& beyond() const { return beyond_; }
  std::size_t bytes() const { return bytes_; }
  /// Of everything that ever came.
  std::uint64_t bytes_ever() const { return bytes_ever_; }

  /// A payload of a number not seen.
  void add(Kept kept);
  /// When the next in order is there: counts it as contiguous and returns it. Until the next change; else nullptr.
  const Kept* advance();
  /// nullptr: not seen, or no longer kept.
  const Kept* find(std::uint64_t number) const;
  /// The oldest delivered one; nullptr when none is kept.
  const Kept* oldest() const { return kept_count() == 0 ? nullptr : &kept_[head_]; }
  void drop_oldest();
  /// The furthest of those beyond. There is one.
  void drop_furthest();
  /// Nothing before `number` will come. What was kept of that goes too, for first()..contiguous() has no holes.
  void skip_to(std::uint64_t number);
  /// What is missing of low..high, ascending, at most `most` ranges.
  std::vector<Range> holes(std::uint64_t low, std::uint64_t high, std::size_t most) const;

 private:
  std::size_t kept_count() const { return kept_.size() - head_; }

  std::uint64_t contiguous_;
  std::vector<Kept> kept_;  // from head_ on; a deque would cost 600 bytes for every quiet origin
  std::size_t head_ = 0;
  std::map<std::uint64_t, Kept> beyond_;
  std::size_t bytes_ = 0;
  std::uint64_t bytes_ever_ = 0;
};

}  // namespace bp2p::gossip
