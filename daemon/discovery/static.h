// Names and addresses as the configuration lists them.
#pragma once
#include <map>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/node_name.h"

namespace bp2p {

class StaticTable {
 public:
  explicit StaticTable(std::map<NodeName, std::vector<Address>> table) : table_(std::move(table)) {}
  /// Empty: not listed.
  std::vector<Address> find(const NodeName& name) const;

 private:
  std::map<NodeName, std::vector<Address>> table_;
};

}  // namespace bp2p
