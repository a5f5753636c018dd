#include "proto/trust/admission.h"

#include "proto/wire/limits.h"

namespace bp2p {
namespace {

/// "barrel-p2p hello 1" 0 role exporter (docs/wire.md 2.1).
Bytes binding_text(Role role, const Exporter& exporter) {
  constexpr std::string_view prefix{"barrel-p2p hello 1\0", 19};
  Writer text;
  text.raw(as_bytes(prefix)).u8(static_cast<std::uint8_t>(role)).raw(exporter.bytes);
  return text.take();
}

}  // namespace

peer::Hello make_hello(Role role, const Exporter& exporter, std::string_view cluster, Bytes record,
                       const Signing& signing) {
  return {.version = limits::peer_version,
          .cluster = std::string{cluster},
          .record = std::move(record),
          .binding = signing.sign(binding_text(role, exporter))};
}

LinkCode link_code(RecordError error) {
  return error == RecordError::wrong_cluster ? LinkCode::wrong_cluster : LinkCode::bad_record;
}

std::expected<VerifiedRecord, HelloRefusal> check_hello(const peer::Hello& hello, const HelloRules& rules,
                                                        const Signing& signing) {
  const auto refuse = [](LinkCode code, std::string_view text) { return std::unexpected{HelloRefusal{code, text}}; };
  if (hello.version != limits::peer_version)
    return refuse(LinkCode::unsupported_version, "this daemon speaks version 1 of the link protocol");
  if (rules.peer_key == signing.own_key()) return refuse(LinkCode::self, "the address leads to the daemon itself");
  if (hello.cluster != rules.cluster) return refuse(LinkCode::wrong_cluster, "the two daemons are of different clusters");
  auto record = verify_record(hello.record, {rules.peer_key, rules.cluster, rules.now}, signing);
  if (!record) return refuse(link_code(record.error()), describe(record.error()));
  if (!signing.verify(rules.peer_key, binding_text(rules.peer_role, rules.exporter), hello.binding))
    return refuse(LinkCode::bad_binding, "the HELLO was made for another connection");
  return std::move(*record);
}

}  // namespace bp2p
