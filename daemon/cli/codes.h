// Every code of docs/wire.md, with what it means to an operator and what to do. `explain` prints it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bp2p::cli {

enum class CodeFamily : std::uint8_t {
  refused,  ///< a node's request was refused (REFUSED, ChannelRefused)
  link,     ///< a link was closed (CONNECTION_CLOSE)
};

struct CodeText {
  CodeFamily family;
  std::uint64_t number;
  std::string_view cause;
  std::string_view fix;

  std::string_view name() const;
  std::string label() const;  ///< `refused 11`, `link 0x106`
};

const std::vector<CodeText>& code_table();
/// By name (`not_trusted`), number (`11`, `0x106`) or label; a name or number may stand for two.
std::vector<CodeText> find_codes(std::string_view word);

}  // namespace bp2p::cli
