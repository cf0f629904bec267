// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/path.h"

namespace vfs {

class MountNamespace;

// What a mount forbids or relaxes; the values of statvfs(3)'s f_flag.
enum MountFlag : unsigned {
  kMountReadOnly = 0x1,
  kMountNoSuid = 0x2,
  kMountNoDev = 0x4,
  kMountNoExec = 0x8,
  kMountNoAtime = 0x400,
  kMountNoDirAtime = 0x800,
  kMountRelatime = 0x1000,
  kMountNoSymFollow = 0x2000,
};

// The most mounts a namespace may hold (Linux's fs.mount-max): ENOSPC.
inline constexpr size_t kMountMax = 100'000;

// A filesystem, or a subtree of one, put into a tree of names (mount_namespaces(7)). Every mount is private:
// propagation (shared, slave) does not exist yet. A mount owns the mounts on it; it is owned by the one it is on, by
// its namespace if it is the root, and by every Path that leads through it. Thread-safe: the tree is guarded by
// MountTree.
class Mount : public base::RefCounted {
 public:
  // A mount of `root` and what is below it, not attached to anything. `source` is what mountinfo shows.
  static base::RefPtr<Mount> Create(base::RefPtr<Dentry> root, unsigned flags, std::string source);

  // Unique in the sandbox.
  int id() const { return id_; }
  const base::RefPtr<Dentry>& root() const { return root_; }
  Filesystem& filesystem() const { return root_->filesystem(); }
  const std::string& source() const { return source_; }
  unsigned flags() const { return flags_.load(std::memory_order_relaxed); }
  // EBUSY: cannot become read-only while descriptions are open for writing through it.
  base::Result<void> SetFlags(unsigned flags);
  // A description open for writing files through this mount. EROFS. Undone by RemoveWriter.
  base::Result<void> AddWriter();
  void RemoveWriter();
  // By this mount's flag or the filesystem's.
  bool read_only() const { return (flags() & kMountReadOnly) != 0 || filesystem().read_only(); }
  Path root_path();

 protected:
  void LastReferenceGone() override;

 private:
  friend class MountTree;
  friend class MountNamespace;
  Mount(base::RefPtr<Dentry> root, unsigned flags, std::string source);
  ~Mount() override;

  const int id_;
  const base::RefPtr<Dentry> root_;
  const std::string source_;
  std::atomic<unsigned> flags_;
  std::atomic<int> writers_{0};
  // Guarded by MountTree.
  Mount* parent_ = nullptr;
  base::RefPtr<Dentry> mountpoint_;  // In the parent; null without one.
  MountNamespace* namespace_ = nullptr;
  std::vector<base::RefPtr<Mount>> children_;
};

// One line of /proc/PID/mountinfo (proc(5)), unescaped.
struct MountInfo {
  int id = 0;
  int parent_id = 0;
  uint32_t device_major = 0, device_minor = 0;
  std::string root;        // Within the filesystem.
  std::string mountpoint;  // As seen from the given root.
  unsigned flags = 0;
  std::string filesystem_type;
  std::string source;
  bool filesystem_read_only = false;
  std::string filesystem_options;
};

// The lock and index of all mounts of all namespaces.
class MountTree {
 public:
  static base::Mutex& mutex();
  // Follows the mounts stacked on `path`, to the top.
  static void StepDown(Path& path);
  // If `path` is the root of a mount that is mounted somewhere: moves it to the place it is mounted on.
  static bool StepUp(Path& path);
  // Whether something is mounted on `dentry` in the namespace `mount` belongs to.
  static bool IsMountpoint(const Mount& mount, const Dentry& dentry);
  // Unmounts, in all namespaces, what is mounted on a dentry that is being deleted.
  static void DetachAllOn(Dentry& dentry);
  // REQUIRES: mutex(). The mount `mount` is on, and where; null for a root.
  static Mount* ParentOf(const Mount& mount) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return mount.parent_; }
  static Dentry* MountpointOf(const Mount& mount) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return mount.mountpoint_.get();
  }

 private:
  friend class Mount;
  friend class MountNamespace;
  using Dropped = std::vector<std::pair<base::RefPtr<Mount>, base::RefPtr<Dentry>>>;
  static void Connect(base::RefPtr<Mount> child, Mount& parent, base::RefPtr<Dentry> mountpoint,
                      MountNamespace* mount_namespace) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  static void SetNamespace(Mount& top, MountNamespace* mount_namespace) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Takes `mount` off its parent. The references that held it there are handed out, to be dropped without the lock.
  static base::RefPtr<Mount> Disconnect(Mount& mount, base::RefPtr<Dentry>& mountpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Disconnects `mount` and, each from the other, all below it. What may be dropped once the lock is released.
  static void TakeDown(Mount& mount, Dropped& dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  static base::RefPtr<Mount> CloneOne(Mount& mount, base::RefPtr<Dentry> root);
  // What is mounted directly on this place; null for nothing.
  static Mount* MountedAt(const Mount& mount, const Dentry& dentry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Whether `path` is `root` or below it.
  static bool IsReachable(const Path& path, const Path& root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  static size_t Count(const Mount& top) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
};

// A tree of mounts, which tasks share or have for themselves. Thread-safe. The caller has checked CAP_SYS_ADMIN.
class MountNamespace : public base::RefCounted {
 public:
  static base::RefPtr<MountNamespace> Create(base::RefPtr<Mount> root);

  // The root of the tree, through whatever is mounted on it.
  Path root() const;
  // Mounts `mount` (and what is on it) on `where`. `where` is the top of what is mounted there: EAGAIN if
  // another mount came first (resolve the name again). ENOTDIR unless both or neither are directories; ENOENT where
  // was deleted; EINVAL not in this namespace; ENOSPC.
  base::Result<void> Attach(base::RefPtr<Mount> mount, const Path& where);
  // umount2(2). `target` must be a mount's root: EINVAL. EBUSY: in use, unless MNT_DETACH. The caller's own `target`
  // is the one use that does not count; it is let go.
  base::Result<void> Unmount(Path target, int flags);
  // MS_BIND: a new mount, unattached, of the subtree `from`; with the mounts below it when `recursive`. EINVAL.
  base::Result<base::RefPtr<Mount>> Clone(const Path& from, bool recursive);
  // MS_MOVE. EINVAL, ELOOP, ENOTDIR, ENOENT.
  base::Result<void> Move(const Path& from, const Path& to);
  // pivot_root(2), but for the tasks' root and working directories, which are the caller's business.
  base::Result<void> PivotRoot(const Path& new_root, const Path& put_old, const Path& current_root);
  // MS_REMOUNT|MS_BIND: changes the flags of the mount `target` is the root of. EINVAL, EBUSY.
  base::Result<void> SetFlags(const Path& target, unsigned flags);
  // unshare(CLONE_NEWNS): a copy. Each of `paths` that leads through a mount of this namespace is led through its copy.
  base::RefPtr<MountNamespace> Copy(const std::vector<Path*>& paths);
  // All mounts below `root`, parents first.
  std::vector<MountInfo> List(const Path& root);
  bool Contains(const Mount& mount) const;
  // sync(2): every filesystem mounted here. Errors are lost.
  void SyncAll(Context& context);

 protected:
  void LastReferenceGone() override;

 private:
  friend class MountTree;
  explicit MountNamespace(base::RefPtr<Mount> root);
  ~MountNamespace() override;

  base::Result<void> CheckTarget(const Mount& mount, const Path& where) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(MountTree::mutex());
  // A copy of `top`'s part below `root`; `visit` sees each mount and its copy.
  template <typename Visit>
  static base::RefPtr<Mount> CopyTree(Mount& top, base::RefPtr<Dentry> root, Visit visit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(MountTree::mutex());

  base::RefPtr<Mount> root_ ABSL_GUARDED_BY(MountTree::mutex());
};

}  // namespace vfs
