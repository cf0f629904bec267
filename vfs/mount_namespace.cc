// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

#include <algorithm>
#include <utility>

#include "vfs/mount.h"
#include "vfs/operations.h"

namespace vfs {
namespace {

// Beyond the owner's own: the parent's reference, and the path the caller passed.
constexpr uint32_t kIdleReferences = 2;

// The name of a mount's root within its filesystem.
std::string RootName(const Dentry& root) {
  base::MutexLock lock(Dentry::TreeMutex());
  std::string name;
  for (const Dentry* dentry = &root; dentry->parent_locked() != nullptr; dentry = dentry->parent_locked()) {
    name.insert(0, "/" + dentry->name_locked());
  }
  if (name.empty()) name = "/";
  if (root.is_deleted()) name += "//deleted";
  return name;
}

}  // namespace

MountNamespace::MountNamespace(base::RefPtr<Mount> root) : root_(std::move(root)) {
  base::MutexLock lock(MountTree::mutex());
  MountTree::SetNamespace(*root_, this);
}

MountNamespace::~MountNamespace() = default;

base::RefPtr<MountNamespace> MountNamespace::Create(base::RefPtr<Mount> root) {
  return base::AdoptRef(new MountNamespace(std::move(root)));
}

void MountNamespace::LastReferenceGone() {
  base::RefPtr<Mount> root;
  MountTree::Dropped dropped;
  {
    base::MutexLock lock(MountTree::mutex());
    root = std::move(root_);
    MountTree::TakeDown(*root, dropped);
  }
  delete this;
}

Path MountNamespace::root() const {
  base::RefPtr<Mount> mount;
  {
    base::MutexLock lock(MountTree::mutex());
    mount = root_;
  }
  Path path = mount->root_path();
  MountTree::StepDown(path);
  return path;
}

bool MountNamespace::Contains(const Mount& mount) const {
  base::MutexLock lock(MountTree::mutex());
  return mount.namespace_ == this;
}

base::Result<void> MountNamespace::CheckTarget(const Mount& mount, const Path& where) const {
  if (where.mount->namespace_ != this) return base::Errno(EINVAL);
  if (where.dentry->is_deleted()) return base::Errno(ENOENT);
  if (where.dentry->is_directory() != mount.root()->is_directory()) return base::Errno(ENOTDIR);
  return {};
}

base::Result<void> MountNamespace::Attach(base::RefPtr<Mount> mount, const Path& where) {
  Path top = where;
  base::MutexLock lock(MountTree::mutex());
  TRY(CheckTarget(*mount, top));
  if (MountTree::Count(*root_) + MountTree::Count(*mount) > kMountMax) return base::Errno(ENOSPC);
  if (MountTree::MountedAt(*top.mount, *top.dentry) != nullptr) return base::Errno(EAGAIN);
  MountTree::Connect(std::move(mount), *top.mount, top.dentry, this);
  return {};
}

base::Result<void> MountNamespace::Unmount(Path target, int flags) {
  MountTree::Dropped dropped;
  base::MutexLock lock(MountTree::mutex());
  Mount& mount = *target.mount;
  if (target.dentry != mount.root() || mount.namespace_ != this || mount.parent_ == nullptr) {
    return base::Errno(EINVAL);
  }
  if ((flags & MNT_DETACH) == 0) {
    target.dentry = nullptr;
    if (!mount.children_.empty() || mount.reference_count() > kIdleReferences) return base::Errno(EBUSY);
  }
  MountTree::TakeDown(mount, dropped);
  return {};
}

template <typename Visit>
base::RefPtr<Mount> MountNamespace::CopyTree(Mount& top, base::RefPtr<Dentry> root, Visit visit) {
  base::RefPtr<Mount> copy = MountTree::CloneOne(top, root);
  visit(top, *copy);
  std::vector<std::pair<Mount*, Mount*>> pending{{&top, copy.get()}};
  while (!pending.empty()) {
    auto [from, to] = pending.back();
    pending.pop_back();
    for (const auto& child : from->children_) {
      // Of the top, only what is mounted below the part that is copied.
      if (from == &top && !root->IsAncestorOf(*child->mountpoint_)) continue;
      base::RefPtr<Mount> child_copy = MountTree::CloneOne(*child, child->root());
      visit(*child, *child_copy);
      pending.emplace_back(child.get(), child_copy.get());
      MountTree::Connect(std::move(child_copy), *to, child->mountpoint_, nullptr);
    }
  }
  return copy;
}

base::Result<base::RefPtr<Mount>> MountNamespace::Clone(const Path& from, bool recursive) {
  base::MutexLock lock(MountTree::mutex());
  if (from.mount->namespace_ != this) return base::Errno(EINVAL);
  if (!recursive) return MountTree::CloneOne(*from.mount, from.dentry);
  if (MountTree::Count(*root_) + MountTree::Count(*from.mount) > kMountMax) return base::Errno(ENOSPC);
  return CopyTree(*from.mount, from.dentry, [](Mount&, Mount&) {});
}

base::Result<void> MountNamespace::Move(const Path& from, const Path& to) {
  base::RefPtr<Dentry> old_mountpoint;
  base::MutexLock lock(MountTree::mutex());
  Mount& mount = *from.mount;
  if (from.dentry != mount.root() || mount.namespace_ != this || mount.parent_ == nullptr) return base::Errno(EINVAL);
  if (to.mount->namespace_ != this) return base::Errno(EINVAL);
  if (to.dentry->is_deleted()) return base::Errno(ENOENT);
  if (to.dentry->is_directory() != mount.root()->is_directory()) return base::Errno(EINVAL);
  for (const Mount* above = to.mount.get(); above != nullptr; above = above->parent_) {
    if (above == &mount) return base::Errno(ELOOP);
  }
  if (MountTree::MountedAt(*to.mount, *to.dentry) != nullptr) return base::Errno(EAGAIN);
  base::RefPtr<Mount> reference = MountTree::Disconnect(mount, old_mountpoint);
  MountTree::Connect(std::move(reference), *to.mount, to.dentry, this);
  return {};
}

base::Result<void> MountNamespace::SetFlags(const Path& target, unsigned flags) {
  base::MutexLock lock(MountTree::mutex());
  if (target.dentry != target.mount->root() || target.mount->namespace_ != this) return base::Errno(EINVAL);
  return target.mount->SetFlags(flags);
}

base::Result<void> MountNamespace::PivotRoot(const Path& new_root, const Path& put_old, const Path& current_root) {
  base::RefPtr<Dentry> new_mountpoint, root_mountpoint;
  base::MutexLock lock(MountTree::mutex());
  Mount& new_mount = *new_root.mount;
  Mount& old_mount = *put_old.mount;
  Mount& root_mount = *current_root.mount;
  if (root_mount.namespace_ != this || new_mount.namespace_ != this) return base::Errno(EINVAL);
  if (new_root.dentry->is_deleted() || put_old.dentry->is_deleted()) return base::Errno(ENOENT);
  if (&new_mount == &root_mount || &old_mount == &root_mount) return base::Errno(EBUSY);
  if (current_root.dentry != root_mount.root() || new_root.dentry != new_mount.root()) return base::Errno(EINVAL);
  if (new_mount.parent_ == nullptr) return base::Errno(EINVAL);
  if (!MountTree::IsReachable(put_old, new_root) || !MountTree::IsReachable(new_root, current_root)) {
    return base::Errno(EINVAL);
  }
  if (put_old != new_root && MountTree::MountedAt(old_mount, *put_old.dentry) != nullptr) return base::Errno(EBUSY);
  base::RefPtr<Mount> new_reference = MountTree::Disconnect(new_mount, new_mountpoint);
  Mount* root_parent = root_mount.parent_;
  base::RefPtr<Mount> root_reference;
  if (root_parent == nullptr) {
    root_reference = std::exchange(root_, std::move(new_reference));
  } else {
    root_reference = MountTree::Disconnect(root_mount, root_mountpoint);
    MountTree::Connect(std::move(new_reference), *root_parent, root_mountpoint, this);
  }
  MountTree::Connect(std::move(root_reference), old_mount, put_old.dentry, this);
  return {};
}

base::RefPtr<MountNamespace> MountNamespace::Copy(const std::vector<Path*>& paths) {
  std::vector<Path> old_paths(paths.size());  // Dropped after the lock.
  base::RefPtr<Mount> copy;
  {
    base::MutexLock lock(MountTree::mutex());
    std::vector<bool> done(paths.size());
    copy = CopyTree(*root_, root_->root(), [&](Mount& from, Mount& to) {
      for (size_t i = 0; i < paths.size(); ++i) {
        if (done[i] || paths[i]->mount.get() != &from) continue;
        done[i] = true;
        old_paths[i] = std::exchange(*paths[i], Path(base::RefPtr<Mount>(&to), paths[i]->dentry));
      }
    });
  }
  return Create(std::move(copy));
}

std::vector<MountInfo> MountNamespace::List(const Path& root) {
  std::vector<base::RefPtr<Mount>> mounts;
  {
    base::MutexLock lock(MountTree::mutex());
    mounts.push_back(root_);
    for (size_t i = 0; i < mounts.size(); ++i) {
      // A copy: the vector grows while it is read.
      base::RefPtr<Mount> mount = mounts[i];
      for (const auto& child : mount->children_) mounts.push_back(child);
    }
  }
  std::sort(mounts.begin(), mounts.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  std::vector<MountInfo> list;
  for (const auto& mount : mounts) {
    PathText text = PathName(mount->root_path(), root);
    if (!text.reachable) continue;
    Filesystem& filesystem = mount->filesystem();
    MountInfo info;
    info.id = mount->id();
    {
      base::MutexLock lock(MountTree::mutex());
      info.parent_id = mount->parent_ != nullptr ? mount->parent_->id() : mount->id();
    }
    info.device_minor = filesystem.device_minor();
    info.root = RootName(*mount->root());
    info.mountpoint = text.Shown();
    info.flags = mount->flags();
    info.filesystem_type = filesystem.type_name();
    info.source = mount->source();
    info.filesystem_read_only = filesystem.read_only();
    info.filesystem_options = filesystem.Options();
    list.push_back(std::move(info));
  }
  return list;
}

void MountNamespace::SyncAll(Context& context) {
  std::vector<base::RefPtr<Mount>> mounts;
  {
    base::MutexLock lock(MountTree::mutex());
    mounts.push_back(root_);
    for (size_t i = 0; i < mounts.size(); ++i) {
      base::RefPtr<Mount> mount = mounts[i];
      for (const auto& child : mount->children_) mounts.push_back(child);
    }
  }
  for (const auto& mount : mounts) [[maybe_unused]] auto synced = mount->filesystem().Sync(context);
}

}  // namespace vfs
