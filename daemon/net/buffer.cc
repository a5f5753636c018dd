#include "daemon/net/buffer.h"

namespace bp2p {
namespace {
// Fresh blocks of 256 KiB come from the kernel page by page; a few used ones are kept. 8 MiB at most.
constexpr std::size_t spare_max = 32;
struct Spares {
  std::vector<Buffer*> blocks;
  ~Spares() {
    for (Buffer* block : blocks) delete block;
  }
};
thread_local Spares spares;
}  // namespace

Buffer::Ref Buffer::make(std::size_t capacity) {
  if (capacity == read_size && !spares.blocks.empty()) {
    Buffer* block = spares.blocks.back();
    spares.blocks.pop_back();
    block->used_ = 0;
    block->shares_ = 1;
    return Ref{block};
  }
  return Ref{new Buffer(capacity)};
}

void Buffer::release(Buffer* block) {
  if (block->capacity_ == read_size && spares.blocks.size() < spare_max) {
    spares.blocks.push_back(block);
  } else {
    delete block;
  }
}

}  // namespace bp2p
