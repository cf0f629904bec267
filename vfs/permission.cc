// SPDX-License-Identifier: Apache-2.0
#include "vfs/permission.h"

#include <sys/stat.h>

namespace vfs {

// TODO(security): a capability counts only over ids mapped in its holder's user namespace, once Credentials name one.
bool HasCapabilityOver(const Credentials& credentials, const Ownership&, int capability) {
  return credentials.HasCapability(capability);
}

base::Result<void> CheckAccess(const Credentials& credentials, const Ownership& file, unsigned access) {
  unsigned granted = file.mode & 07;
  if (credentials.fsuid == file.uid) {
    granted = (file.mode >> 6) & 07;
  } else if (((file.mode >> 3) & 07) != granted && credentials.InGroup(file.gid)) {
    granted = (file.mode >> 3) & 07;
  }
  if ((access & ~granted) == 0) return {};

  if ((file.mode & S_IFMT) == S_IFDIR) {
    if ((access & kMayWrite) == 0 && HasCapabilityOver(credentials, file, kCapDacReadSearch)) return {};
    if (HasCapabilityOver(credentials, file, kCapDacOverride)) return {};
    return base::Errno(EACCES);
  }
  if (access == kMayRead && HasCapabilityOver(credentials, file, kCapDacReadSearch)) return {};
  // Executing needs one execute bit, whoever asks.
  if (((access & kMayExecute) == 0 || (file.mode & 0111) != 0) &&
      HasCapabilityOver(credentials, file, kCapDacOverride)) {
    return {};
  }
  return base::Errno(EACCES);
}

base::Result<void> CheckPermission(Context& context, Inode& inode, unsigned access) {
  if ((access & kMayWrite) != 0 && inode.filesystem().read_only()) {
    uint32_t type = inode.type();
    if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK) return base::Errno(EROFS);
  }
  return inode.CheckPermission(context, access);
}

bool IsOwnerOrCapable(const Credentials& credentials, const Ownership& file) {
  return credentials.fsuid == file.uid || HasCapabilityOver(credentials, file, kCapFowner);
}

bool StickyForbids(const Credentials& credentials, const Ownership& directory, const Ownership& file) {
  if ((directory.mode & S_ISVTX) == 0) return false;
  if (credentials.fsuid == file.uid || credentials.fsuid == directory.uid) return false;
  return !HasCapabilityOver(credentials, file, kCapFowner);
}

void InheritOwnership(const Credentials& credentials, const Ownership& directory, CreateOptions& options) {
  options.uid = credentials.fsuid;
  options.gid = credentials.fsgid;
  if ((directory.mode & S_ISGID) == 0) return;
  options.gid = directory.gid;
  if ((options.mode & S_IFMT) == S_IFDIR) {
    options.mode |= S_ISGID;
  } else if ((options.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !credentials.InGroup(directory.gid) &&
             !HasCapabilityOver(credentials, directory, kCapFsetid)) {
    options.mode &= ~static_cast<uint32_t>(S_ISGID);
  }
}

namespace {

// Whether set-group-id goes when owner or contents change: it does of group-executable files, and if the changer has
// nothing to do with the group.
bool DropsSetGroupId(const Credentials& credentials, const Ownership& file) {
  if ((file.mode & S_ISGID) == 0) return false;
  if ((file.mode & S_IXGRP) != 0) return true;
  return !credentials.InGroup(file.gid) && !HasCapabilityOver(credentials, file, kCapFsetid);
}

}  // namespace

uint32_t ModeAfterWrite(const Credentials& credentials, const Ownership& file) {
  if ((file.mode & (S_ISUID | S_ISGID)) == 0 || (file.mode & S_IFMT) != S_IFREG) return file.mode;
  if (HasCapabilityOver(credentials, file, kCapFsetid)) return file.mode;
  return ModeAfterChown(credentials, file);
}

uint32_t ModeAfterChown(const Credentials& credentials, const Ownership& file) {
  uint32_t mode = file.mode & ~static_cast<uint32_t>(S_ISUID);
  if (DropsSetGroupId(credentials, file)) mode &= ~static_cast<uint32_t>(S_ISGID);
  return mode;
}

}  // namespace vfs
