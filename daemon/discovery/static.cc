#include "daemon/discovery/static.h"

namespace bp2p {

std::vector<Address> StaticTable::find(const NodeName& name) const {
  const auto found = table_.find(name);
  return found == table_.end() ? std::vector<Address>{} : found->second;
}

}  // namespace bp2p
