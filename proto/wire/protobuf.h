// What every codec of ours does with the protobuf library. Only codecs include it.
#pragma once
#include <google/protobuf/message_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <string>

#include "proto/base/bytes.h"
#include "proto/base/check.h"

namespace bp2p::protobuf {

/// The library prints a line to stderr for each text that is not UTF-8: a stranger could fill a disk with it. What is
/// wrong with a message is said by our own errors.
template <class Message>
bool parse(Message& message, ByteView bytes) {
  [[maybe_unused]] static google::protobuf::LogHandler* const silenced = google::protobuf::SetLogHandler(nullptr);
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

inline Bytes serialized(const google::protobuf::MessageLite& message) {
  Bytes out(message.ByteSizeLong());
  BP2P_CHECK(message.SerializeToArray(out.data(), static_cast<int>(out.size())));
  return out;
}

inline Bytes bytes_of(const std::string& field) {
  const ByteView view = as_bytes(field);
  return {view.begin(), view.end()};
}
inline std::string string_of(ByteView bytes) { return std::string{as_text(bytes)}; }

}  // namespace bp2p::protobuf
