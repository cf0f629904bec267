// SPDX-License-Identifier: Apache-2.0
#include <linux/fs.h>

#include <algorithm>
#include <optional>

#include "vfs/operations_common.h"

namespace vfs {
namespace {

// The locks of a rename: both parents, ancestor first, else by address. When they differ the filesystem's rename lock
// is held, so that ancestry stays what it is.
class ParentLocks {
 public:
  ParentLocks(base::Mutex& rename_mutex, Dentry& one, Dentry& other) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : rename_mutex_(&one == &other ? nullptr : &rename_mutex),
        first_(&one),
        second_(&one == &other ? nullptr : &other) {
    if (rename_mutex_ != nullptr) rename_mutex_->Lock();
    if (second_ != nullptr) {
      bool swap = other.IsAncestorOf(one) || (!one.IsAncestorOf(other) && &other < &one);
      if (swap) std::swap(first_, second_);
    }
    first_->directory_mutex().Lock();
    if (second_ != nullptr) second_->directory_mutex().Lock();
  }
  ~ParentLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (second_ != nullptr) second_->directory_mutex().Unlock();
    first_->directory_mutex().Unlock();
    if (rename_mutex_ != nullptr) rename_mutex_->Unlock();
  }
  ParentLocks(const ParentLocks&) = delete;
  ParentLocks& operator=(const ParentLocks&) = delete;

 private:
  base::LockOrder::ScopedNested nested_;
  base::Mutex* const rename_mutex_;
  Dentry* first_;
  Dentry* second_;
};

struct RenameNames {
  const ParentWalk& from;
  const ParentWalk& to;
  unsigned flags;
  bool exchange() const { return (flags & RENAME_EXCHANGE) != 0; }
};

// The checks on names, before those on permissions. `target` may be null.
base::Result<void> CheckNames(const RenameNames& names, const Dentry& source, const Dentry* target) {
  if ((names.flags & RENAME_NOREPLACE) != 0 && target != nullptr) return base::Errno(EEXIST);
  if (names.exchange()) {
    if (target == nullptr) return base::Errno(ENOENT);
    if (!target->is_directory() && names.to.trailing_slash) return base::Errno(ENOTDIR);
  }
  if (!source.is_directory()) {
    if (names.from.trailing_slash) return base::Errno(ENOTDIR);
    if (!names.exchange() && names.to.trailing_slash) return base::Errno(ENOTDIR);
  }
  const Dentry& old_parent = *names.from.parent.dentry;
  const Dentry& new_parent = *names.to.parent.dentry;
  if (&old_parent == &new_parent) return {};
  if (source.is_directory() && source.IsAncestorOf(new_parent)) return base::Errno(EINVAL);
  if (target != nullptr && target->is_directory() && target->IsAncestorOf(old_parent)) {
    return base::Errno(names.exchange() ? EINVAL : ENOTEMPTY);
  }
  return {};
}

base::Result<void> CheckPermissions(Context& context, const RenameNames& names, Dentry& source, Dentry* target) {
  Dentry& old_parent = *names.from.parent.dentry;
  Dentry& new_parent = *names.to.parent.dentry;
  bool directory = source.is_directory();
  TRY(MayDelete(context, old_parent, source, directory));
  if (target == nullptr) {
    TRY(MayCreate(context, new_parent));
  } else {
    TRY(MayDelete(context, new_parent, *target, names.exchange() ? target->is_directory() : directory));
  }
  // A directory that changes its parent has its ".." rewritten.
  if (&old_parent != &new_parent) {
    if (directory) TRY(CheckPermission(context, *source.inode(), kMayWrite));
    if (names.exchange() && target->is_directory()) TRY(CheckPermission(context, *target->inode(), kMayWrite));
  }
  const Mount& mount = *names.from.parent.mount;
  if (MountTree::IsMountpoint(mount, source) || (target != nullptr && MountTree::IsMountpoint(mount, *target))) {
    return base::Errno(EBUSY);
  }
  return {};
}

base::Result<void> RenameIn(Context& context, const RenameNames& names, Dentry& source, Dentry* target) {
  Dentry& old_parent = *names.from.parent.dentry;
  Dentry& new_parent = *names.to.parent.dentry;
  TRY(old_parent.inode()->Rename(context, names.from.name, *source.inode(), *new_parent.inode(), names.to.name,
                                 target != nullptr ? target->inode().get() : nullptr, names.flags));
  if (names.exchange()) {
    Dentry::Exchange(source, *target);
    NotifyMoved(context, {old_parent, names.from.name, new_parent, names.to.name}, source, nullptr);
    NotifyMoved(context, {new_parent, names.to.name, old_parent, names.from.name}, *target, nullptr);
  } else {
    Dentry::Move(source, new_parent, names.to.name, target);
    NotifyMoved(context, {old_parent, names.from.name, new_parent, names.to.name}, source, target);
  }
  return {};
}

}  // namespace

base::Result<void> Rename(Context& context, const StartPoint& old_at, std::string_view old_name,
                          const StartPoint& new_at, std::string_view new_name, unsigned flags) {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) return base::Errno(EINVAL);
  if ((flags & RENAME_EXCHANGE) != 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0) {
    return base::Errno(EINVAL);
  }
  ParentWalk from = TRY(WalkToParent(context, old_at, old_name));
  ParentWalk to = TRY(WalkToParent(context, new_at, new_name));
  if (from.parent.mount != to.parent.mount) return base::Errno(EXDEV);
  if (from.kind != LastComponent::kName) return base::Errno(EBUSY);
  if (to.kind != LastComponent::kName) return base::Errno((flags & RENAME_NOREPLACE) != 0 ? EEXIST : EBUSY);
  TRY(WantWrite(from.parent));

  Dentry& old_parent = *from.parent.dentry;
  Dentry& new_parent = *to.parent.dentry;
  RenameNames names{from, to, flags};
  base::RefPtr<Dentry> source, target;
  {
    ParentLocks locks(old_parent.filesystem().rename_mutex(), old_parent, new_parent);
    source = TRY(old_parent.LookupLocked(context, from.name));
    base::Result<base::RefPtr<Dentry>> found = new_parent.LookupLocked(context, to.name);
    if (found.ok()) {
      target = std::move(found).value();
    } else if (found.error().code() != ENOENT || new_parent.is_dead()) {
      return found.error();
    }
    TRY(CheckNames(names, *source, target.get()));
    // Two names of one file: nothing to do.
    if (target != nullptr && source->inode() == target->inode()) return {};
    TRY(CheckPermissions(context, names, *source, target.get()));
    if (target != nullptr && !names.exchange() && target->is_directory()) {
      // Below its parent, which is locked.
      base::LockOrder::ScopedNested nested;
      base::MutexLock target_lock(target->directory_mutex());
      TRY(RenameIn(context, names, *source, target.get()));
      target->set_dead();
    } else {
      TRY(RenameIn(context, names, *source, target.get()));
    }
  }
  if (target != nullptr && !names.exchange()) MountTree::DetachAllOn(*target);
  return {};
}

}  // namespace vfs
