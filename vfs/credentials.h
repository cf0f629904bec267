// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/ref.h"
#include "base/types.h"

namespace vfs {

// Capabilities as a bit set, bit N = capability N of capabilities(7).
using CapabilitySet = uint64_t;

// Who a task is (credentials(7)). Immutable once published: a change makes a new object.
class Credentials : public base::RefCounted {
 public:
  base::KUid ruid, euid, suid, fsuid;
  base::KGid rgid, egid, sgid, fsgid;
  std::vector<base::KGid> groups;  // Sorted.
  CapabilitySet inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;
  uint32_t securebits = 0;
  bool no_new_privileges = false;

  // A private copy, to be changed before it is published.
  base::RefPtr<Credentials> Copy() const;

  bool HasCapability(int capability) const { return (effective >> capability) & 1; }
  // fsgid or one of the supplementary groups.
  bool InGroup(base::KGid group) const;
  // What access(2) checks with: the real ids in place of the filesystem ids, and the capabilities root, or nobody else,
  // would have.
  base::RefPtr<Credentials> WithRealIds() const;
};

}  // namespace vfs
