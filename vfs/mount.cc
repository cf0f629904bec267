// SPDX-License-Identifier: Apache-2.0
#include "vfs/mount.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/log.h"

namespace vfs {
namespace {

constinit base::LockClass kTreeLock{"MountTree"};
std::atomic<int> next_mount_id{1};

using Index = absl::flat_hash_map<std::pair<const Mount*, const Dentry*>, Mount*>;
// What is mounted on a dentry of a mount. Guarded by MountTree::mutex().
Index& TheIndex() {
  static Index& index = *new Index;
  return index;
}

}  // namespace

Mount::Mount(base::RefPtr<Dentry> root, unsigned flags, std::string source)
    : id_(next_mount_id.fetch_add(1, std::memory_order_relaxed)),
      root_(std::move(root)),
      source_(std::move(source)),
      flags_(flags) {
  filesystem().mounts_.fetch_add(1, std::memory_order_relaxed);
}

Mount::~Mount() {
  // Nobody can walk this filesystem any more: what its cache keeps would keep it alive.
  if (filesystem().mounts_.fetch_sub(1, std::memory_order_acq_rel) == 1) filesystem().dentry_cache().Clear();
}

base::RefPtr<Mount> Mount::Create(base::RefPtr<Dentry> root, unsigned flags, std::string source) {
  return base::AdoptRef(new Mount(std::move(root), flags, std::move(source)));
}

// A writer counts itself before it looks at the flags, and the flags are set before the writers are looked at.
base::Result<void> Mount::SetFlags(unsigned flags) {
  unsigned before = flags_.exchange(flags, std::memory_order_seq_cst);
  if ((flags & ~before & kMountReadOnly) != 0 && writers_.load(std::memory_order_seq_cst) != 0) {
    flags_.store(before, std::memory_order_relaxed);
    return base::Errno(EBUSY);
  }
  return {};
}

base::Result<void> Mount::AddWriter() {
  writers_.fetch_add(1, std::memory_order_seq_cst);
  filesystem().writers_.fetch_add(1, std::memory_order_seq_cst);
  if (!read_only()) return {};
  RemoveWriter();
  return base::Errno(EROFS);
}

void Mount::RemoveWriter() {
  writers_.fetch_sub(1, std::memory_order_relaxed);
  filesystem().writers_.fetch_sub(1, std::memory_order_relaxed);
}

Path Mount::root_path() { return {base::RefPtr<Mount>(this), root_}; }

void Mount::LastReferenceGone() {
  MountTree::Dropped dropped;
  {
    base::MutexLock lock(MountTree::mutex());
    MountTree::TakeDown(*this, dropped);
  }
  delete this;
}

base::Mutex& MountTree::mutex() {
  static base::Mutex& mutex = *new base::Mutex(kTreeLock);
  return mutex;
}

void MountTree::StepDown(Path& path) {
  Path old;  // What is left is dropped after the lock.
  while (path.dentry->may_be_mountpoint()) {
    base::RefPtr<Mount> top;
    {
      base::MutexLock lock(mutex());
      auto it = TheIndex().find({path.mount.get(), path.dentry.get()});
      if (it == TheIndex().end()) return;
      top = base::RefPtr<Mount>(it->second);
    }
    base::RefPtr<Dentry> root = top->root();
    path = Path(std::move(top), std::move(root));
  }
}

bool MountTree::StepUp(Path& path) {
  if (path.dentry != path.mount->root()) return false;
  Path up;
  {
    base::MutexLock lock(mutex());
    Mount* parent = path.mount->parent_;
    // A parent on its way out no longer leads anywhere.
    if (parent == nullptr || !parent->TryRef()) return false;
    up.mount = base::RefPtr<Mount>::Adopt(parent);
    up.dentry = path.mount->mountpoint_;
  }
  path = std::move(up);
  return true;
}

bool MountTree::IsMountpoint(const Mount& mount, const Dentry& dentry) {
  if (!dentry.may_be_mountpoint()) return false;
  base::MutexLock lock(mutex());
  // On whichever mount of the namespace the dentry shows.
  return std::any_of(TheIndex().begin(), TheIndex().end(), [&](const auto& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return entry.first.second == &dentry && entry.second->namespace_ == mount.namespace_;
  });
}

void MountTree::DetachAllOn(Dentry& dentry) {
  if (!dentry.may_be_mountpoint()) return;
  Dropped dropped;
  base::MutexLock lock(mutex());
  std::vector<Mount*> mounted;
  for (const auto& [place, mount] : TheIndex()) {
    if (place.second == &dentry) mounted.push_back(mount);
  }
  for (Mount* mount : mounted) TakeDown(*mount, dropped);
}

void MountTree::Connect(base::RefPtr<Mount> child, Mount& parent, base::RefPtr<Dentry> mountpoint,
                        MountNamespace* mount_namespace) {
  SetNamespace(*child, mount_namespace);
  mountpoint->mounts_here_.fetch_add(1, std::memory_order_acq_rel);
  TheIndex()[{&parent, mountpoint.get()}] = child.get();
  child->parent_ = &parent;
  child->mountpoint_ = std::move(mountpoint);
  parent.children_.push_back(std::move(child));
}

void MountTree::SetNamespace(Mount& top, MountNamespace* mount_namespace) {
  std::vector<Mount*> pending{&top};
  while (!pending.empty()) {
    Mount* mount = pending.back();
    pending.pop_back();
    mount->namespace_ = mount_namespace;
    for (const auto& child : mount->children_) pending.push_back(child.get());
  }
}

base::RefPtr<Mount> MountTree::Disconnect(Mount& mount, base::RefPtr<Dentry>& mountpoint) {
  Mount* parent = std::exchange(mount.parent_, nullptr);
  if (parent == nullptr) return nullptr;
  TheIndex().erase({parent, mount.mountpoint_.get()});
  mount.mountpoint_->mounts_here_.fetch_sub(1, std::memory_order_acq_rel);
  mountpoint = std::move(mount.mountpoint_);
  auto& siblings = parent->children_;
  auto it = std::find_if(siblings.begin(), siblings.end(), [&](const auto& child) { return child.get() == &mount; });
  CHECK_INVARIANT(it != siblings.end());
  base::RefPtr<Mount> reference = std::move(*it);
  siblings.erase(it);
  return reference;
}

void MountTree::TakeDown(Mount& mount, Dropped& dropped) {
  std::vector<Mount*> pending{&mount};
  while (!pending.empty()) {
    Mount* next = pending.back();
    pending.pop_back();
    for (const auto& child : next->children_) pending.push_back(child.get());
    next->namespace_ = nullptr;
    base::RefPtr<Dentry> mountpoint;
    base::RefPtr<Mount> reference = Disconnect(*next, mountpoint);
    dropped.emplace_back(std::move(reference), std::move(mountpoint));
  }
}

base::RefPtr<Mount> MountTree::CloneOne(Mount& mount, base::RefPtr<Dentry> root) {
  return Mount::Create(std::move(root), mount.flags(), mount.source());
}

Mount* MountTree::MountedAt(const Mount& mount, const Dentry& dentry) {
  auto it = TheIndex().find({&mount, &dentry});
  return it == TheIndex().end() ? nullptr : it->second;
}

bool MountTree::IsReachable(const Path& path, const Path& root) {
  const Mount* mount = path.mount.get();
  const Dentry* dentry = path.dentry.get();
  while (mount != root.mount.get()) {
    if (mount->parent_ == nullptr) return false;
    dentry = mount->mountpoint_.get();
    mount = mount->parent_;
  }
  return root.dentry->IsAncestorOf(*dentry);
}

size_t MountTree::Count(const Mount& top) {
  size_t count = 0;
  std::vector<const Mount*> pending{&top};
  while (!pending.empty()) {
    const Mount* mount = pending.back();
    pending.pop_back();
    ++count;
    for (const auto& child : mount->children_) pending.push_back(child.get());
  }
  return count;
}

}  // namespace vfs
