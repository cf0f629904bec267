// SPDX-License-Identifier: Apache-2.0
// The tree of names. Lock order of the vfs core, outermost first:
//
//   FileDescription::offset_mutex_
//     Filesystem::rename_mutex_
//       Dentry::directory_mutex_     (several: ancestor before descendant, else by address)
//         locks of the filesystem implementation
//           MountTree
//             Dentry::TreeMutex
//               Dentry::children_mutex_  (several: by address)
//                 DentryCache::mutex_
//
// The last four are leaves: nothing blocks, calls a filesystem or drops the last reference to a dentry or an inode
// under them.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/inode.h"

namespace vfs {

// The longest name of one component, in bytes.
inline constexpr size_t kNameMax = 255;
// The longest path with its terminating NUL.
inline constexpr size_t kPathMax = 4096;

// A name in a directory, with the inode it leads to or none (a name known not to exist). A dentry keeps its parent
// alive, never its children: a child stays findable while anybody, or the filesystem's DentryCache, refers to it.
// After its name is gone (unlink) a dentry lives on, out of the tree, as long as it is open; parent and name stay what
// they last were. Thread-safe.
class Dentry : public base::RefCounted {
 public:
  // The root of a filesystem.
  static base::RefPtr<Dentry> CreateRoot(base::RefPtr<Inode> inode);
  // A dentry in no directory, which /proc shows by the bare `name` ("pipe:[7]").
  static base::RefPtr<Dentry> CreateAnonymous(base::RefPtr<Inode> inode, std::string name);
  // A dentry of an unnamed file in `parent` (O_TMPFILE), which can be given a name by Link when `linkable`.
  static base::RefPtr<Dentry> CreateUnnamed(base::RefPtr<Dentry> parent, base::RefPtr<Inode> inode, std::string name,
                                            bool linkable);

  // Null: a negative dentry. Fixed for the dentry's life.
  const base::RefPtr<Inode>& inode() const { return inode_; }
  Filesystem& filesystem() const { return *filesystem_; }
  bool is_directory() const { return inode_ != nullptr && inode_->is_directory(); }
  bool is_anonymous() const { return kind_ == Kind::kAnonymous; }
  bool is_root() const { return kind_ == Kind::kRoot; }
  bool is_linkable() const { return linkable_; }
  // Whether its name is gone: shown as " (deleted)".
  bool is_deleted() const { return deleted_.load(std::memory_order_acquire); }
  // Its name was the inode's last: whoever watches the inode is told when the dentry goes (vfs/inotify).
  void set_last_link(bool last) { last_link_.store(last, std::memory_order_relaxed); }
  // Whether something may be mounted here, in some namespace.
  bool may_be_mountpoint() const { return mounts_here_.load(std::memory_order_acquire) != 0; }

  // The parent; the dentry itself for roots and anonymous dentries. Changes with renames.
  base::RefPtr<Dentry> parent() const;
  std::string name() const;
  // Whether this is `other` or one of its ancestors.
  bool IsAncestorOf(const Dentry& other) const;

  // The child `name`: from the tree, else from the filesystem. ENOENT when there is none, ENAMETOOLONG, and what the
  // filesystem says. REQUIRES: a directory; the caller has checked search permission.
  base::Result<base::RefPtr<Dentry>> Lookup(Context& context, std::string_view name);
  // The same under the directory lock.
  base::Result<base::RefPtr<Dentry>> LookupLocked(Context& context, std::string_view name);

  // The lock under which names of this directory change. It is held over calls to the filesystem.
  base::Mutex& directory_mutex() const { return directory_->names_mutex; }
  // Under the directory lock: no name may be added any more; the directory was removed.
  bool is_dead() const { return dead_.load(std::memory_order_relaxed); }
  void set_dead() { dead_.store(true, std::memory_order_relaxed); }

  // After the filesystem made the name: enters it into the tree. REQUIRES: directory lock.
  base::RefPtr<Dentry> Insert(std::string_view name, base::RefPtr<Inode> inode);
  // After the filesystem removed the name of `child`. REQUIRES: directory lock.
  void Remove(Dentry& child);
  // After the filesystem renamed `child`: moves it below `new_parent`, in place of `replaced` (may be null), which is
  // then deleted. REQUIRES: both directory locks.
  static void Move(Dentry& child, Dentry& new_parent, std::string_view new_name, Dentry* replaced);
  // After RENAME_EXCHANGE. REQUIRES: both directory locks.
  static void Exchange(Dentry& one, Dentry& other);

  // Counts the moves of all dentries: who walks up the tree can tell whether it changed meanwhile.
  static uint64_t MoveCount();

  // Guards parent and name of every dentry: held while a path name is put together.
  static base::Mutex& TreeMutex();
  // REQUIRES: TreeMutex. Null for roots and anonymous dentries.
  Dentry* parent_locked() const { return parent_.get(); }
  const std::string& name_locked() const { return name_; }

 protected:
  void LastReferenceGone() override;

 private:
  friend class DentryCache;
  friend class MountTree;
  enum class Kind : uint8_t { kRoot, kNamed, kAnonymous };
  struct Children;
  // What only directories have.
  struct Directory {
    Directory();
    ~Directory();
    mutable base::Mutex names_mutex;
    mutable base::Mutex children_mutex;
    const std::unique_ptr<Children> children;  // Guarded by children_mutex.
  };

  Dentry(Kind kind, Filesystem& filesystem, base::RefPtr<Dentry> parent, std::string name, base::RefPtr<Inode> inode);
  ~Dentry() override;

  base::RefPtr<Dentry> FindCached(std::string_view name);
  // As FindCached, without a dentry the filesystem disowns.
  base::RefPtr<Dentry> FindValid(Context& context, std::string_view name);
  base::Result<base::RefPtr<Dentry>> AskFilesystem(Context& context, std::string_view name);
  // Takes `child` out of the children, if it is there.
  void Unhash(Dentry& child);
  // Takes out what lies under `name`; the caller drops it from the cache, without locks.
  base::RefPtr<Dentry> TakeOutLocked(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(directory_->children_mutex);
  void EnterLocked(Dentry& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(directory_->children_mutex);
  void DropMissingChildren();
  void Forget();
  void MarkUsed() {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }

  Filesystem* const filesystem_;  // Kept alive by the inode, or the parent's.
  const base::RefPtr<Inode> inode_;
  const std::unique_ptr<Directory> directory_;
  const Kind kind_;
  bool linkable_ = false;  // Const after creation.
  std::atomic<bool> deleted_{false};
  std::atomic<bool> dead_{false};
  std::atomic<bool> last_link_{false};
  std::atomic<bool> used_{false};  // Since the cache last looked.
  std::atomic<int> mounts_here_{0};
  // Written under TreeMutex and the children_mutex of the parents concerned.
  base::RefPtr<Dentry> parent_;
  std::string name_;

  // Guarded by DentryCache::mutex_.
  bool in_cache_ = false;
  Dentry* cache_next_ = nullptr;
  Dentry* cache_previous_ = nullptr;
};

// References to the dentries of one filesystem that were used lately, so that they stay though nobody uses them; at
// most about `limit` unused ones. Second-chance replacement. Thread-safe.
class DentryCache {
 public:
  static constexpr size_t kDefaultLimit = 8192;

  explicit DentryCache(size_t limit = kDefaultLimit);
  ~DentryCache();

  void Add(Dentry& dentry);
  void Remove(Dentry& dentry);
  void Clear();
  size_t size() const;
  void set_limit(size_t limit);

 private:
  static base::LockClass kLock;
  void Append(Dentry& dentry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Detach(Dentry& dentry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  size_t limit_ ABSL_GUARDED_BY(mutex_);
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  Dentry* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Dentry* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace vfs
