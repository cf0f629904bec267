// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

class FileDescription;
class Filesystem;

// Ownership and mode of a file about to be created; the umask was already applied.
struct CreateOptions {
  uint32_t mode = 0;  // S_IFMT | permissions.
  base::KUid uid;
  base::KGid gid;
  uint32_t rdevice_major = 0, rdevice_minor = 0;
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
  virtual base::Result<void> Link(Context& context, std::string_view name, Inode& target);
  // `child` is the inode the core found under the name. Unlink: not a directory. RemoveDirectory: ENOTEMPTY.
  virtual base::Result<void> Unlink(Context& context, std::string_view name, Inode& child);
  virtual base::Result<void> RemoveDirectory(Context& context, std::string_view name, Inode& child);
  // Moves `name` (inode `child`) of this directory to `new_name` of `new_parent`, replacing `replaced` when not null.
  // `flags`: RENAME_NOREPLACE was settled by the core; RENAME_EXCHANGE, RENAME_WHITEOUT reach here. EINVAL if
  // unsupported.
  virtual base::Result<void> Rename(Context& context, std::string_view name, Inode& child, Inode& new_parent,
                                    std::string_view new_name, Inode* replaced, unsigned flags);

  // Symbolic links. Default: EINVAL.
  virtual base::Result<std::string> ReadLink(Context& context);
  // Magic links (/proc/PID/fd/N, exe, root, cwd): where walking leads at once; empty Path for ordinary links.
  virtual base::Result<Path> FollowMagicLink(Context& context);

  // Opens it; access was checked, O_TRUNC and O_CREAT are done with by the core. `flags` are open(2)'s.
  virtual base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) = 0;

  // xattr(7). Defaults: EOPNOTSUPP; List: empty.
  virtual base::Result<std::string> GetXattr(Context& context, std::string_view name);
  virtual base::Result<void> SetXattr(Context& context, std::string_view name, std::string_view value, int flags);
  virtual base::Result<std::vector<std::string>> ListXattr(Context& context);
  virtual base::Result<void> RemoveXattr(Context& context, std::string_view name);

 protected:
  Inode(base::RefPtr<Filesystem> filesystem, uint32_t type);
  ~Inode() override;

 private:
  const base::RefPtr<Filesystem> filesystem_;
  const uint32_t type_;
};

// A mounted filesystem instance (a superblock).
class Filesystem : public base::RefCounted {
 public:
  // As /proc/filesystems and mountinfo name it.
  virtual std::string_view type_name() const = 0;
  virtual base::Result<FilesystemStatus> Status(Context& context) = 0;
  // The anonymous device number stat(2) shows.
  uint32_t device_minor() const { return device_minor_; }
  // Whether names may be cached without asking again (false: /proc and the like; a shared gofer mount revalidates).
  virtual bool CachesNames() const { return true; }
  // Whether a cached name (inode null: known not to exist) still holds; only asked when CachesNames() is false.
  virtual bool Revalidate(Context&, Inode& /*directory*/, std::string_view /*name*/, Inode* /*inode*/) { return false; }
  virtual base::Result<void> Sync(Context&) { return {}; }

 protected:
  Filesystem();

 private:
  const uint32_t device_minor_;
};

}  // namespace vfs
