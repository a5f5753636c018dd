// A name server on loopback that answers SRV questions from a list; of everything else there is nothing (NXDOMAIN).
#pragma once
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/discovery/srv.h"
#include "daemon/net/sockaddr.h"

namespace bp2p::testing {

class NameServer {
 public:
  NameServer() {
    const sockaddr_in any = to_sockaddr4(*Address::parse("127.0.0.1:0"));
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~NameServer() {
    ::eventfd_write(stop_, 1);
    thread_.join();
    ::close(fd_);
    ::close(stop_);
  }
  Address address() const {
    sockaddr_in here{};
    socklen_t size = sizeof here;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    return *from_sockaddr(reinterpret_cast<const sockaddr*>(&here));
  }
  void set(const std::string& name, std::vector<SrvRecord> records) {
    const std::lock_guard lock{mutex_};
    records_[name] = std::move(records);
  }
  /// Answers with these bytes behind the question, and says so many records.
  void set_garbage(std::vector<std::uint8_t> bytes, std::uint16_t count) {
    const std::lock_guard lock{mutex_};
    garbage_ = {std::move(bytes), count};
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock{mutex_};
    return asked_;
  }

 private:
  using Bytes = std::vector<std::uint8_t>;
  static void put16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
  }
  static Bytes wire_name(const std::string& name) {
    Bytes out;
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t end = std::min(name.find('.', at), name.size());
      out.push_back(static_cast<std::uint8_t>(end - at));
      out.insert(out.end(), name.begin() + static_cast<std::ptrdiff_t>(at), name.begin() + static_cast<std::ptrdiff_t>(end));
      at = end + 1;
    }
    out.push_back(0);
    return out;
  }
  void serve() {
    for (;;) {
      pollfd fds[2]{{fd_, POLLIN, 0}, {stop_, POLLIN, 0}};
      ::poll(fds, 2, -1);
      if (fds[1].revents != 0) return;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      Bytes question(512);
      const ssize_t got = ::recvfrom(fd_, question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 17) continue;
      question.resize(static_cast<std::size_t>(got));
      const Bytes reply = answer(question);
      ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }
  Bytes answer(const Bytes& question) {
    std::string name;
    std::size_t at = 12;
    for (; question[at] != 0; at += question[at] + 1u)
      name += (name.empty() ? "" : ".") + std::string(question.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                                      question.begin() + static_cast<std::ptrdiff_t>(at) + 1 + question[at]);
    const std::size_t question_end = at + 5;
    const std::lock_guard lock{mutex_};
    asked_.push_back(name);
    const auto found = records_.find(name);
    const bool exists = garbage_ || found != records_.end();
    Bytes out{question[0], question[1], 0x81, static_cast<std::uint8_t>(exists ? 0x80 : 0x83), 0, 1};
    put16(out, garbage_ ? garbage_->second : exists ? found->second.size() : 0);
    put16(out, 0);
    put16(out, 0);
    out.insert(out.end(), question.begin() + 12, question.begin() + static_cast<std::ptrdiff_t>(question_end));
    if (garbage_) {
      out.insert(out.end(), garbage_->first.begin(), garbage_->first.end());
    } else if (exists) {
      for (const SrvRecord& each : found->second) {
        const Bytes target = wire_name(each.target);
        put16(out, 0xc00c);
        put16(out, 33);
        put16(out, 1);
        put16(out, 0);
        put16(out, 60);
        put16(out, 6 + target.size());
        put16(out, each.priority);
        put16(out, each.weight);
        put16(out, each.port);
        out.insert(out.end(), target.begin(), target.end());
      }
    }
    return out;
  }

  int fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int stop_ = ::eventfd(0, EFD_CLOEXEC);
  std::mutex mutex_;
  std::map<std::string, std::vector<SrvRecord>> records_;
  std::optional<std::pair<Bytes, std::uint16_t>> garbage_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

}  // namespace bp2p::testing
