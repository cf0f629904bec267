// SPDX-License-Identifier: Apache-2.0
#include "vfs/credentials.h"

#include <algorithm>

namespace vfs {

base::RefPtr<Credentials> Credentials::Copy() const {
  auto copy = base::MakeRef<Credentials>();
  copy->ruid = ruid;
  copy->euid = euid;
  copy->suid = suid;
  copy->fsuid = fsuid;
  copy->rgid = rgid;
  copy->egid = egid;
  copy->sgid = sgid;
  copy->fsgid = fsgid;
  copy->groups = groups;
  copy->inheritable = inheritable;
  copy->permitted = permitted;
  copy->effective = effective;
  copy->bounding = bounding;
  copy->ambient = ambient;
  copy->securebits = securebits;
  copy->no_new_privileges = no_new_privileges;
  return copy;
}

bool Credentials::InGroup(base::KGid group) const {
  return group == fsgid || std::binary_search(groups.begin(), groups.end(), group);
}

base::RefPtr<Credentials> Credentials::WithRealIds() const {
  constexpr uint32_t kNoSetuidFixup = 1 << 2;  // SECBIT_NO_SETUID_FIXUP
  base::RefPtr<Credentials> real = Copy();
  real->fsuid = ruid;
  real->fsgid = rgid;
  if ((securebits & kNoSetuidFixup) == 0) real->effective = ruid.value() == 0 ? permitted : 0;
  return real;
}

}  // namespace vfs
