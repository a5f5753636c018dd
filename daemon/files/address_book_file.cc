#include "daemon/files/address_book_file.h"

#include "proto/core/core.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {

// `head { flags:8 seen:64 lost:64 len:32 record }…`, times in ms since 1970.
constexpr std::string_view head = "barrel-p2p address book 1\n";
constexpr std::uint8_t flag_met = 1, flag_lost = 2;
constexpr std::size_t bytes_max = 256 * (limits::record_bytes_max + 32);

std::filesystem::path file_in(const std::filesystem::path& state_dir) { return state_dir / "address_book"; }

}  // namespace

std::expected<void, FileError> save_address_book(const std::filesystem::path& state_dir,
                                                 const std::vector<membership::SavedContact>& contacts) {
  Writer out;
  out.raw(as_bytes(head));
  for (const membership::SavedContact& each : contacts)
    out.u8(static_cast<std::uint8_t>((each.met ? flag_met : 0) | (each.lost ? flag_lost : 0)))
        .u64(static_cast<std::uint64_t>(each.seen.count()))
        .u64(static_cast<std::uint64_t>(each.lost.value_or(WallTime{}).count()))
        .u32(static_cast<std::uint32_t>(each.contact->record->size()))
        .raw(*each.contact->record);
  return write_whole(file_in(state_dir), out.take(), 0600, Existing::replace);
}

std::expected<std::vector<membership::SavedContact>, FileError> load_address_book(const std::filesystem::path& state_dir,
                                                                                  std::string_view cluster,
                                                                                  const Signing& signing) {
  const auto content = read_whole(file_in(state_dir), bytes_max);
  if (!content) return std::unexpected(content.error());
  std::vector<membership::SavedContact> contacts;
  if (!*content) return contacts;
  Reader in{(*content)->bytes};
  if (as_text(in.take(head.size())) != head)
    return std::unexpected(FileError{file_in(state_dir).string() + ": is no address book of this version"});
  while (!in.rest().empty()) {
    const std::uint8_t flags = in.u8();
    const WallTime seen{static_cast<std::int64_t>(in.u64())}, lost{static_cast<std::int64_t>(in.u64())};
    const ByteView record = in.take(in.u32());
    if (in.failed()) return std::unexpected(FileError{file_in(state_dir).string() + ": ends in the middle of an entry"});
    if (auto contact = Core::read_saved(record, cluster, signing))
      contacts.push_back({.contact = std::move(contact), .seen = seen, .met = (flags & flag_met) != 0,
                          .lost = (flags & flag_lost) != 0 ? std::optional{lost} : std::nullopt});
  }
  return contacts;
}

}  // namespace bp2p
