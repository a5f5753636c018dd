// Membership's messages as bytes (proto/wire/membership.proto), and back.
#pragma once
#include <expected>
#include <functional>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/membership/messages.h"

namespace bp2p::membership {

/// Why a record that came in a message is no contact.
enum class RecordFault : std::uint8_t {
  forged,    ///< nobody who verifies before handing on would have sent it
  outdated,  ///< good once: nobody's fault
};
/// Verifies a record; the core's, because it alone can.
using ReadRecord = std::function<std::expected<ContactPtr, RecordFault>(ByteView record)>;

enum class DecodeError : std::uint8_t {
  malformed,
  unknown_message,  ///< a newer daemon's; may be passed over
  too_many_contacts,
  forged_record,
  outdated_record,  ///< the message is about a contact that is of no use any more; may be passed over
};
std::string_view describe(DecodeError error);

Bytes encode(const Message& message);
/// Every record is read, so a message with a forged one is refused as a whole; outdated ones are left out of lists.
std::expected<Message, DecodeError> decode(ByteView message, const ReadRecord& read);

}  // namespace bp2p::membership
