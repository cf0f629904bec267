// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/attributes.h"
#include "vfs/context.h"
#include "vfs/path.h"

namespace vfs {

class DentryCache;
class DirectorySink;
class FileDescription;
class Filesystem;

// Ownership and mode of a file about to be created; the umask was already applied.
struct CreateOptions {
  uint32_t mode = 0;  // S_IFMT | permissions.
  base::KUid uid;
  base::KGid gid;
  uint32_t rdevice_major = 0, rdevice_minor = 0;
};

// What permission checks need of an inode.
struct Ownership {
  uint32_t mode = 0;  // S_IFMT | permissions.
  base::KUid uid;
  base::KGid gid;
};

// A file, directory, link, device... of a filesystem: what names refer to. One object per inode of a mounted filesystem
// as long as anything refers to it.
// The vfs core has done path walk, permission checks (from Attributes, with Linux's rules), name length checks,
// read-only mount checks and the locking of the directories involved (Dentry's) before it calls the directory
// operations; the filesystem does what is left. Names are single components, never "." or "..". Operations may block
// the host thread (gofer), never park a fiber. Thread-safe.
class Inode : public base::RefCounted {
 public:
  Filesystem& filesystem() const { return *filesystem_; }
  // S_IFMT bits; fixed for the inode's life.
  uint32_t type() const { return type_; }
  bool is_directory() const;
  bool is_symlink() const;
  bool is_regular() const;

  virtual base::Result<Attributes> Stat(Context& context) = 0;
  // The part of Stat that every step of a path walk asks for. Default: from Stat.
  virtual base::Result<Ownership> GetOwnership(Context& context);
  // Whether the context's credentials may access it; `access` is a set of kMayRead, kMayWrite, kMayExecute
  // (vfs/permission.h). Default: the mode bits and capabilities (path_resolution(7)). EACCES, EPERM.
  virtual base::Result<void> CheckPermission(Context& context, unsigned access);
  // The vfs core has checked permission and set-id rules. EROFS, ENOSPC, EIO...
  virtual base::Result<void> SetAttributes(Context& context, const AttributeChange& change) = 0;

  // Directories. Default: ENOTDIR.
  // ENOENT when the name does not exist (the core caches that when the filesystem allows).
  virtual base::Result<base::RefPtr<Inode>> Lookup(Context& context, std::string_view name);
  // Creates a regular file, directory, FIFO, socket or device node by options.mode. EEXIST.
  virtual base::Result<base::RefPtr<Inode>> Create(Context& context, std::string_view name,
                                                   const CreateOptions& options);
  virtual base::Result<base::RefPtr<Inode>> Symlink(Context& context, std::string_view name, std::string_view target,
                                                    const CreateOptions& options);
  // A regular file without a name in this directory's filesystem (O_TMPFILE). Default: EOPNOTSUPP.
  virtual base::Result<base::RefPtr<Inode>> CreateUnnamed(Context& context, const CreateOptions& options);
  virtual base::Result<void> Link(Context& context, std::string_view name, Inode& target);
  // `child` is the inode the core found under the name. Unlink: not a directory. RemoveDirectory: ENOTEMPTY.
  virtual base::Result<void> Unlink(Context& context, std::string_view name, Inode& child);
  virtual base::Result<void> RemoveDirectory(Context& context, std::string_view name, Inode& child);
  // Moves `name` (inode `child`) of this directory to `new_name` of `new_parent`, replacing `replaced` when not null.
  // `flags`: RENAME_NOREPLACE was settled by the core; RENAME_EXCHANGE, RENAME_WHITEOUT reach here. EINVAL if
  // unsupported.
  virtual base::Result<void> Rename(Context& context, std::string_view name, Inode& child, Inode& new_parent,
                                    std::string_view new_name, Inode* replaced, unsigned flags);

  // All names but "." and "..", in one go, for filesystems stacked on this one. `next_offset` means nothing; the sink
  // takes everything and calls nothing. Default: EOPNOTSUPP.
  virtual base::Result<void> ListNames(Context& context, DirectorySink& sink);

  // Symbolic links. Default: EINVAL.
  virtual base::Result<std::string> ReadLink(Context& context);
  // Magic links (/proc/PID/fd/N, exe, root, cwd): where walking leads at once; empty Path for ordinary links.
  virtual base::Result<Path> FollowMagicLink(Context& context);

  // Opens it; access was checked, O_TRUNC and O_CREAT are done with by the core. `flags` are open(2)'s without the
  // ones that act only at opening (O_CREAT, O_EXCL, O_TRUNC, O_CLOEXEC); O_NOCTTY, which terminals want to know, is
  // not kept by the description. Never called for O_PATH.
  virtual base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) = 0;

  // xattr(7). Defaults: EOPNOTSUPP; List: empty.
  virtual base::Result<std::string> GetXattr(Context& context, std::string_view name);
  virtual base::Result<void> SetXattr(Context& context, std::string_view name, std::string_view value, int flags);
  virtual base::Result<std::vector<std::string>> ListXattr(Context& context);
  virtual base::Result<void> RemoveXattr(Context& context, std::string_view name);

  // FIFOs and sockets only: what the kernel keeps with the inode while it is in use (the pipe, the bound socket).
  base::Guarded<base::RefPtr<base::RefCounted>>& attachment() { return *attachment_; }

  // Writers and executors exclude each other (ETXTBSY). Each successful call is undone by its counterpart.
  base::Result<void> AddWriter();
  void RemoveWriter();
  base::Result<void> DenyWriters();
  void AllowWriters();

 protected:
  Inode(base::RefPtr<Filesystem> filesystem, uint32_t type);
  ~Inode() override;

 private:
  const base::RefPtr<Filesystem> filesystem_;
  const uint32_t type_;
  std::atomic<int32_t> writers_{0};  // Negative: so many executors.
  const std::unique_ptr<base::Guarded<base::RefPtr<base::RefCounted>>> attachment_;
};

// How long the vfs core may keep what a filesystem's Lookup said.
enum class NameCache {
  kTrusted,      // Names change only through this vfs: kept, not asked again.
  kRevalidated,  // Kept, but Revalidate is asked at each use (files shared with others).
  kUncached,     // Kept only while in use, and Revalidate is asked (names made up on the fly: /proc).
};

// A mounted filesystem instance (a superblock).
class Filesystem : public base::RefCounted {
 public:
  // As /proc/filesystems and mountinfo name it.
  virtual std::string_view type_name() const = 0;
  virtual base::Result<FilesystemStatus> Status(Context& context) = 0;
  // The anonymous device number stat(2) shows.
  uint32_t device_minor() const { return device_minor_; }
  virtual NameCache name_cache() const { return NameCache::kTrusted; }
  // Whether it is worth remembering that a name does not exist (only with kTrusted).
  virtual bool CachesMissingNames() const { return name_cache() == NameCache::kTrusted; }
  // Whether `name` in `directory` still leads to `inode`. Not asked of a kTrusted filesystem.
  virtual bool Revalidate(Context&, Inode& /*directory*/, std::string_view /*name*/, Inode& /*inode*/) { return false; }
  virtual base::Result<void> Sync(Context&) { return {}; }
  // The part of a mount's options in /proc/PID/mountinfo that is the filesystem's own, e.g. "size=65536k"; may be
  // empty. "ro" or "rw" is not part of it.
  virtual std::string Options() const { return {}; }

  // Held by renames between directories, one at a time, so that the ancestry of directories holds still.
  base::Mutex& rename_mutex() { return rename_mutex_; }

  // Read-only as a whole, through whichever mount: EROFS for every change.
  bool read_only() const { return read_only_.load(std::memory_order_relaxed); }
  // EBUSY: cannot become read-only while descriptions are open for writing.
  base::Result<void> SetReadOnly(bool read_only);

  // The dentries kept though nobody uses them. Emptied when the last mount of the filesystem is gone.
  DentryCache& dentry_cache() { return *dentry_cache_; }

 protected:
  Filesystem();
  ~Filesystem() override;

 private:
  friend class Mount;

  static base::LockClass kRenameLock;

  base::Mutex rename_mutex_{kRenameLock};
  std::atomic<bool> read_only_{false};
  std::atomic<int> writers_{0};  // Through all mounts.
  std::atomic<int> mounts_{0};
  const std::unique_ptr<DentryCache> dentry_cache_;
  const uint32_t device_minor_;
};

}  // namespace vfs
