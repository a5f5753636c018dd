#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <nlohmann/json.hpp>

#include "daemon/cli/config_option.h"
#include "daemon/cli/text_table.h"
#include "daemon/cli/verbs.h"
#include "daemon/crypto.h"
#include "daemon/files/identity.h"
#include "daemon/files/trusted_keys.h"

namespace bp2p::cli {
namespace {

using json = nlohmann::ordered_json;

struct Words {
  ConfigOption config;
  std::string name, key;
  bool as_json = false;
};

Exit say(Exit exit, const std::string& text) {
  std::cerr << "barrel-p2pd: " << text << "\n";
  return exit;
}

/// Root works as the directory's owner: a pin that root owned with mode 0600 would be one the daemon cannot read.
/// Of a directory that is not there yet, the nearest one above counts.
void become_owner_of(std::filesystem::path directory) {
  if (::geteuid() != 0) return;
  struct stat status {};
  while (::stat(directory.c_str(), &status) != 0) {
    if (!directory.has_parent_path() || directory.parent_path() == directory) return;
    directory = directory.parent_path();
  }
  if (status.st_uid == 0) return;
  // Failing, we go on as root; the files are the owner's to read at worst after a chown.
  if (::setegid(status.st_gid) != 0 || ::seteuid(status.st_uid) != 0)
    std::cerr << "barrel-p2pd: cannot act as uid " << status.st_uid << ", the owner of " << directory << "\n";
}

/// The directory with the keys, from where it may be used; or why not.
std::expected<std::filesystem::path, Exit> key_dir(const ConfigOption& option) {
  auto loaded = option.load();
  if (!loaded) return std::unexpected(loaded.error());
  const auto directory = loaded->config.key_dir();
  become_owner_of(directory);
  if (::access(directory.c_str(), R_OK | X_OK) != 0 && errno == EACCES)
    return std::unexpected(say(Exit::not_allowed, directory.string() + ": permission denied"));
  return directory;
}

Exit show(const Words& words) {
  const auto directory = key_dir(words.config);
  if (!directory) return directory.error();
  const auto key = read_own_public_key(*directory);
  if (!key) {
    std::error_code ignored;
    const bool there = std::filesystem::exists(*directory / "node.pub", ignored);
    return say(there ? Exit::bad_data : Exit::not_found, key.error().text);
  }
  if (words.as_json) {
    std::cout << json{{"schema", "barrel-p2pd/keys-show/1"}, {"fingerprint", fingerprint(*key)}, {"key", hex(*key)}}
                     .dump(2)
              << "\n";
  } else {
    std::cout << fingerprint(*key) << "\n" << hex(*key) << "\n";
  }
  return Exit::ok;
}

Exit list(const Words& words) {
  const auto directory = key_dir(words.config);
  if (!directory) return directory.error();
  auto keys = TrustedKeys::open_to_look(*directory);
  if (!keys) return say(Exit::bad_data, keys.error().text);
  const auto pins = keys->list();
  if (!pins) return say(Exit::bad_data, pins.error().text);

  json items = json::array();
  TextTable table{{{"NAME"}, {"KEY"}}};
  Exit exit = Exit::ok;
  std::string reasons;
  for (const auto& [name, key] : *pins) {
    json item{{"name", name.text()}};
    if (key) {
      item["fingerprint"] = fingerprint(*key);
      item["key"] = hex(*key);
      table.add({name.text(), fingerprint(*key)});
    } else {
      exit = Exit::no;
      item["error"] = key.error().text;
      table.add({name.text(), "refused, see below"});
      reasons += "\n" + key.error().text + "\n";
    }
    items.push_back(std::move(item));
  }
  const json all{{"schema", "barrel-p2pd/keys-list/1"}, {"pins", std::move(items)}};
  if (words.as_json) std::cout << all.dump(2) << "\n";
  else if (pins->empty()) std::cout << "no pins\n";
  else std::cout << table.text() << reasons;
  return exit;
}

/// A file with 32 raw bytes (a peer's node.pub), or 64 hexadecimal digits.
std::expected<PublicKey, Exit> given_key(const std::string& text) {
  if (const auto key = parse_hex_key(text)) return *key;
  if (text.starts_with("SHA256:"))
    return std::unexpected(say(Exit::bad_data, text + ": a fingerprint is not enough, it only tells two keys apart; give the "
                                               "key itself: the 64 hexadecimal digits that `barrel-p2pd keys show` "
                                               "prints at the peer, or its node.pub"));
  const auto content = read_whole(text, PublicKey::size);
  if (!content) return std::unexpected(say(Exit::bad_data, content.error().text));
  if (!*content)
    return std::unexpected(say(Exit::not_found, text + ": neither a file nor 64 hexadecimal digits"));
  if ((*content)->bytes.size() != PublicKey::size)
    return std::unexpected(say(Exit::bad_data, text + ": has " + std::to_string((*content)->bytes.size()) +
                                                   " bytes, an Ed25519 public key has 32"));
  PublicKey key;
  std::ranges::copy((*content)->bytes, key.bytes.begin());
  return key;
}

Exit pin(const Words& words) {
  const auto name = NodeName::parse(words.name);
  if (!name) return say(Exit::bad_data, words.name + ": not a node name (alive@host)");
  // Before we act as somebody else: the file is the caller's.
  const auto key = given_key(words.key);
  if (!key) return key.error();
  const auto directory = key_dir(words.config);
  if (!directory) return directory.error();
  auto keys = TrustedKeys::open(*directory);
  if (!keys) return say(Exit::file_trouble, keys.error().text);
  if (auto pinned = keys->replace(*key, *name); !pinned) return say(Exit::file_trouble, pinned.error().text);
  std::cout << name->text() << " is pinned to " << fingerprint(*key) << "\n";
  return Exit::ok;
}

Exit unpin(const Words& words) {
  const auto name = NodeName::parse(words.name);
  if (!name) return say(Exit::bad_data, words.name + ": not a node name (alive@host)");
  const auto directory = key_dir(words.config);
  if (!directory) return directory.error();
  auto keys = TrustedKeys::open(*directory);
  if (!keys) return say(Exit::file_trouble, keys.error().text);
  const auto done = keys->unpin(*name);
  if (!done) return say(Exit::file_trouble, done.error().text);
  if (!*done) return say(Exit::not_found, name->text() + " is not pinned");
  std::cout << name->text() << " is not pinned any more\n";
  return Exit::ok;
}

}  // namespace

void add_keys(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("keys", "This daemon's key, and which keys it believes");
  verb->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, Exit (*act)(const Words&)) {
    const auto words = std::make_shared<Words>();
    CLI::App* one = verb->add_subcommand(name, what);
    words->config.add_to(*one);
    one->callback([&exit, words, act] { exit = act(*words); });
    return std::pair{one, words};
  };
  const auto [shown, show_words] = add("show", "Prints this daemon's fingerprint and public key", show);
  shown->add_flag("--json", show_words->as_json, "As JSON");
  const auto [listed, list_words] = add("list", "Prints every pinned name and its key's fingerprint", list);
  listed->add_flag("--json", list_words->as_json, "As JSON");
  const auto [pinned, pin_words] = add("pin", "Believes a key for a name, in place of any other", pin);
  pinned->add_option("NAME", pin_words->name, "Node name, app@host")->required();
  pinned->add_option("KEY", pin_words->key, "A peer's node.pub, or its key as 64 hexadecimal digits")->required();
  const auto [freed, unpin_words] = add("unpin", "Forgets the key of a name", unpin);
  freed->add_option("NAME", unpin_words->name, "Node name, app@host")->required();
}

}  // namespace bp2p::cli
