// The name of an Erlang node, checked once, where it comes in.
#pragma once
#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bp2p {

/// `alive@host`. Both parts are non-empty valid UTF-8 without control characters, space or slash; the name
/// is at most 255 bytes and does not begin with a dot. Any host part is legal, `f@::1` too. The rules are what a
/// file name of a pin and a log line can bear; Erlang's own are wider only in names nobody can type.
class NodeName {
 public:
  /// The only way in.
  static std::optional<NodeName> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string_view alive() const { return std::string_view{text_}.substr(0, at_); }
  std::string_view host() const { return std::string_view{text_}.substr(at_ + 1); }

  friend auto operator<=>(const NodeName& a, const NodeName& b) { return a.text_ <=> b.text_; }
  friend bool operator==(const NodeName& a, const NodeName& b) { return a.text_ == b.text_; }

 private:
  NodeName(std::string_view text, std::size_t at) : text_(text), at_(at) {}
  std::string text_;
  std::size_t at_;
};

}  // namespace bp2p

template <>
struct std::hash<bp2p::NodeName> {
  std::size_t operator()(const bp2p::NodeName& name) const noexcept { return std::hash<std::string>{}(name.text()); }
};
