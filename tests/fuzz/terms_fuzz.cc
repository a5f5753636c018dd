// Terms in external format: what decodes is written back and reads the same, and can be printed.
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/base/check.h"
#include "proto/wire/term.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto term = bp2p::decode_term(std::as_bytes(std::span{data, size}));
  if (!term) {
    BP2P_CHECK(!bp2p::describe(term.error()).empty());
    return 0;
  }
  BP2P_CHECK(!bp2p::print_term(*term).empty());
  const auto again = bp2p::decode_term(bp2p::encode_term(*term), {.bytes_max = 1 << 24, .terms_max = 1 << 20, .depth_max = 64});
  BP2P_CHECK(again.has_value());
  BP2P_CHECK(*again == *term);
  return 0;
}
