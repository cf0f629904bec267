// SPDX-License-Identifier: Apache-2.0
#include "vfs/operations_common.h"

namespace vfs {

base::Result<void> MayDelete(Context& context, Dentry& directory, Dentry& victim, bool as_directory) {
  TRY(CheckPermission(context, *directory.inode(), kMayWrite | kMayExecute));
  Ownership parent = TRY(directory.inode()->GetOwnership(context));
  if ((parent.mode & S_ISVTX) != 0) {
    Ownership child = TRY(victim.inode()->GetOwnership(context));
    if (StickyForbids(context.credentials(), parent, child)) return base::Errno(EPERM);
  }
  if (as_directory != victim.is_directory()) return base::Errno(as_directory ? ENOTDIR : EISDIR);
  if (directory.is_dead()) return base::Errno(ENOENT);
  return {};
}

base::Result<void> Unlink(Context& context, const StartPoint& at, std::string_view name) {
  ParentWalk walk = TRY(WalkToParent(context, at, name));
  if (walk.kind != LastComponent::kName) return base::Errno(EISDIR);
  TRY(WantWrite(walk.parent));
  Dentry& directory = *walk.parent.dentry;
  // Let go after the lock: the last reference to a file may take its contents with it.
  base::RefPtr<Dentry> victim;
  base::MutexLock lock(directory.directory_mutex());
  victim = TRY(directory.LookupLocked(context, walk.name));
  if (walk.trailing_slash) return base::Errno(victim->is_directory() ? EISDIR : ENOTDIR);
  TRY(MayDelete(context, directory, *victim, false));
  if (MountTree::IsMountpoint(*walk.parent.mount, *victim)) return base::Errno(EBUSY);
  TRY(directory.inode()->Unlink(context, walk.name, *victim->inode()));
  directory.Remove(*victim);
  MountTree::DetachAllOn(*victim);
  NotifyRemoved(context, directory, *victim);
  return {};
}

base::Result<void> RemoveDirectory(Context& context, const StartPoint& at, std::string_view name) {
  ParentWalk walk = TRY(WalkToParent(context, at, name));
  switch (walk.kind) {
    case LastComponent::kName:
      break;
    case LastComponent::kDot:
      return base::Errno(EINVAL);
    case LastComponent::kDotDot:
      return base::Errno(ENOTEMPTY);
    case LastComponent::kRoot:
      return base::Errno(EBUSY);
  }
  TRY(WantWrite(walk.parent));
  Dentry& directory = *walk.parent.dentry;
  base::RefPtr<Dentry> victim;
  base::MutexLock lock(directory.directory_mutex());
  victim = TRY(directory.LookupLocked(context, walk.name));
  TRY(MayDelete(context, directory, *victim, true));
  if (MountTree::IsMountpoint(*walk.parent.mount, *victim)) return base::Errno(EBUSY);
  {
    // Parent before child.
    base::LockOrder::ScopedNested nested;
    base::MutexLock victim_lock(victim->directory_mutex());
    TRY(directory.inode()->RemoveDirectory(context, walk.name, *victim->inode()));
    victim->set_dead();
  }
  directory.Remove(*victim);
  MountTree::DetachAllOn(*victim);
  NotifyRemoved(context, directory, *victim);
  return {};
}

}  // namespace vfs
