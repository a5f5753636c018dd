// The host part of a node's name, looked up by the system's resolver, with one port for all.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"

namespace bp2p {

/// An IP address written out (`::1`, `127.0.0.1`, `fe80::1%eth0`) needs no look-up.
std::optional<Address> literal_host(const std::string& host, std::uint16_t port);

class Dns {
 public:
  using Done = std::function<void(std::vector<Address>)>;
  Dns(boost::asio::io_context& io, std::uint16_t port) : resolver_(io), port_(port) {}

  /// Calls `done` once, later, unless the object goes first. Empty: no such host, or no answer. At most 16 addresses.
  void resolve(const std::string& host, Done done);
  /// What was asked and has not been answered, `done` or not.
  std::size_t under_way() const { return *under_way_; }

 private:
  boost::asio::ip::udp::resolver resolver_;
  std::uint16_t port_;
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);  // handlers may outlive us
};

}  // namespace bp2p
