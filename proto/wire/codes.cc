#include "proto/wire/codes.h"

namespace bp2p {

std::string_view name_of(RefuseCode code) {
  switch (code) {
    case RefuseCode::bad_frame: return "bad_frame";
    case RefuseCode::bad_version: return "bad_version";
    case RefuseCode::duplicate_name: return "duplicate_name";
    case RefuseCode::bad_token: return "bad_token";
    case RefuseCode::bad_ticket: return "bad_ticket";
    case RefuseCode::not_allowed: return "not_allowed";
    case RefuseCode::bad_name: return "bad_name";
    case RefuseCode::too_many: return "too_many";
    case RefuseCode::unknown_node: return "unknown_node";
    case RefuseCode::unreachable: return "unreachable";
    case RefuseCode::not_trusted: return "not_trusted";
    case RefuseCode::no_such_node: return "no_such_node";
    case RefuseCode::timed_out: return "timed_out";
    case RefuseCode::shutting_down: return "shutting_down";
    case RefuseCode::not_listening: return "not_listening";
    case RefuseCode::moved: return "moved";
  }
  return "unknown";  // a peer may send any number
}

std::string_view name_of(LinkCode code) {
  switch (code) {
    case LinkCode::goodbye: return "goodbye";
    case LinkCode::duplicate: return "duplicate";
    case LinkCode::bad_message: return "bad_message";
    case LinkCode::wrong_cluster: return "wrong_cluster";
    case LinkCode::bad_record: return "bad_record";
    case LinkCode::bad_binding: return "bad_binding";
    case LinkCode::not_trusted: return "not_trusted";
    case LinkCode::pin_unreadable: return "pin_unreadable";
    case LinkCode::hello_timeout: return "hello_timeout";
    case LinkCode::name_taken: return "name_taken";
    case LinkCode::unsupported_version: return "unsupported_version";
    case LinkCode::self: return "self";
    case LinkCode::misbehaved: return "misbehaved";
  }
  return "unknown";
}

}  // namespace bp2p
