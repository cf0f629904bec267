// SPDX-License-Identifier: Apache-2.0
#include "vfs/credentials.h"

#include <algorithm>

namespace vfs {

bool Credentials::InGroup(base::KGid group) const {
  return group == fsgid || std::binary_search(groups.begin(), groups.end(), group);
}

}  // namespace vfs
