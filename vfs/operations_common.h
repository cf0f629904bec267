// SPDX-License-Identifier: Apache-2.0
// Steps shared by the operations_*.cc files; not for others.
#pragma once

#include <sys/inotify.h>
#include <sys/stat.h>

#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "vfs/dentry.h"
#include "vfs/inotify/notify.h"
#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/permission.h"
#include "vfs/walk.h"

namespace vfs {

// EROFS when the mount or its filesystem is read-only.
inline base::Result<void> WantWrite(const Path& path) {
  if (path.mount->read_only()) return base::Errno(EROFS);
  return {};
}

// Whether a name may be added to `directory`. REQUIRES: directory lock.
inline base::Result<void> MayCreate(Context& context, Dentry& directory) {
  if (directory.is_dead()) return base::Errno(ENOENT);
  return CheckPermission(context, *directory.inode(), kMayWrite | kMayExecute);
}

// Whether `victim` may be removed from (or renamed in) `directory`: as a directory, or as anything else. REQUIRES:
// directory lock.
base::Result<void> MayDelete(Context& context, Dentry& directory, Dentry& victim, bool as_directory);

// Resolves `name` for a call that creates it, in Linux's order of errors, and calls `make(directory inode, name,
// directory's ownership)`, which returns the new inode. Returns where it is.
template <typename Make>
base::Result<Path> CreateName(Context& context, const StartPoint& at, std::string_view name, bool want_directory,
                              Make make) {
  ParentWalk walk = TRY(WalkToParent(context, at, name));
  if (walk.kind != LastComponent::kName) return base::Errno(EEXIST);
  Dentry& directory = *walk.parent.dentry;
  base::MutexLock lock(directory.directory_mutex());
  base::Result<base::RefPtr<Dentry>> existing = directory.LookupLocked(context, walk.name);
  if (existing.ok()) return base::Errno(EEXIST);
  if (existing.error().code() != ENOENT || directory.is_dead()) return existing.error();
  if (walk.trailing_slash && !want_directory) return base::Errno(ENOENT);
  TRY(WantWrite(walk.parent));
  TRY(MayCreate(context, directory));
  Ownership ownership = TRY(directory.inode()->GetOwnership(context));
  base::RefPtr<Inode> inode = TRY(make(*directory.inode(), walk.name, ownership));
  Path made(walk.parent.mount, directory.Insert(walk.name, std::move(inode)));
  NotifyName(directory, *made.dentry, IN_CREATE);
  return made;
}

// SetAttributes with the rules that hold for whoever asks (notify_change of Linux): set-group-id goes with a mode set
// by somebody outside the group.
base::Result<void> ApplyMode(Context& context, Inode& inode, const Ownership& ownership, AttributeChange& change,
                             uint32_t mode);
// A regular file's size, as truncate(2) and O_TRUNC set it.
base::Result<void> SetSize(Context& context, Inode& inode, uint64_t size);
// Fills in the device number of the inode's filesystem.
void FillDevice(const Inode& inode, Attributes& attributes);

}  // namespace vfs
