// Blocks of memory that several owners read and nobody copies: what was read from a node's socket stays where it is until
// the last stream that sends a part of it has been acknowledged. One thread; the count is a plain number.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace bp2p {

class Buffer {
 public:
  /// Holds a share in a block; empty by default.
  class Ref {
   public:
    Ref() = default;
    Ref(const Ref& other) : block_(other.block_) {
      if (block_) ++block_->shares_;
    }
    Ref(Ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
      std::swap(block_, other.block_);
      return *this;
    }
    ~Ref() {
      if (block_ && --block_->shares_ == 0) Buffer::release(block_);
    }
    explicit operator bool() const { return block_ != nullptr; }
    Buffer* operator->() const { return block_; }
    Buffer& operator*() const { return *block_; }
    bool is_shared() const { return block_ && block_->shares_ > 1; }
    friend bool operator==(const Ref& a, const Ref& b) { return a.block_ == b.block_; }

   private:
    friend class Buffer;
    explicit Ref(Buffer* block) : block_(block) {}
    Buffer* block_ = nullptr;
  };

  /// Big enough that one read empties a busy Unix socket, and a system call costs little per byte (measured:
  /// 0.17 s per GB at 256 KiB, 0.40 at 16 KiB).
  static constexpr std::size_t read_size = 256 * 1024;
  /// For a handful of bytes that are not part of what was read.
  static constexpr std::size_t small_size = 4096;

  static Ref make(std::size_t capacity);

  std::byte* data() { return bytes_.get(); }
  std::size_t capacity() const { return capacity_; }
  std::size_t used() const { return used_; }
  std::size_t room() const { return capacity_ - used_; }
  /// Where the next bytes go; what was written there is added with grow().
  std::span<std::byte> tail() { return {bytes_.get() + used_, room()}; }
  void grow(std::size_t size) { used_ += size; }

 private:
  explicit Buffer(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}
  static void release(Buffer* block);

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::uint32_t shares_ = 1;
};

}  // namespace bp2p
