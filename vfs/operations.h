// SPDX-License-Identifier: Apache-2.0
// What system calls do to names and inodes: walk, permission checks, locks, the filesystem's operation, the tree of
// names, in Linux's order (so that of several errors the same one is reported). Calls by name take where it starts
// (StartPoint); calls that end in "At" of an already resolved Path. Modes are given after the umask. May block the host
// thread in a filesystem; never park a fiber. The mount's read-only flag is honoured everywhere (EROFS).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/attributes.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/path.h"
#include "vfs/walk.h"

namespace vfs {

struct OpenOptions {
  int flags = 0;          // open(2)'s. Unknown ones are ignored; openat2's stricter checks are the caller's.
  uint32_t mode = 0;      // For O_CREAT and O_TMPFILE: 07777, umask applied.
  uint64_t resolve = 0;   // ResolveFlags.
  bool for_exec = false;  // execve(2): needs execute permission on a regular file (EACCES), keeps writers out (ETXTBSY)
                          // until the caller says Inode::AllowWriters.
};

// open(2). The description may not be ready to be used: see FileDescription::TryFinishOpen. O_CLOEXEC is ignored.
base::Result<base::RefPtr<FileDescription>> Open(Context& context, const StartPoint& at, std::string_view name,
                                                 const OpenOptions& options);
// Opens what a path already leads to (a magic link's target; the loader's interpreter). No O_CREAT.
base::Result<base::RefPtr<FileDescription>> OpenPath(Context& context, const Path& path, const OpenOptions& options);

// stat(2), with the mount and filesystem's device numbers filled in.
base::Result<Attributes> Stat(Context& context, const StartPoint& at, std::string_view name,
                              const WalkOptions& options);
base::Result<Attributes> StatPath(Context& context, const Path& path);
// access(2) with the context's credentials, which the caller has made of the real ids. `access`: kMayRead...
base::Result<void> Access(Context& context, const StartPoint& at, std::string_view name, unsigned access,
                          const WalkOptions& options);
base::Result<void> AccessPath(Context& context, const Path& path, unsigned access);
// For chdir(2), chroot(2): a directory that may be searched.
base::Result<Path> EnterDirectory(Context& context, const StartPoint& at, std::string_view name);
base::Result<FilesystemStatus> StatFilesystem(Context& context, const Path& path);

// getdents64(2): EBADF (O_PATH), ENOTDIR, ENOENT when the directory was removed.
base::Result<void> ReadDirectory(Context& context, FileDescription& description, DirectorySink& sink);

base::Result<void> MakeDirectory(Context& context, const StartPoint& at, std::string_view name, uint32_t mode);
// mknod(2): `mode` with its type bits (0: regular).
base::Result<void> MakeNode(Context& context, const StartPoint& at, std::string_view name, uint32_t mode,
                            uint32_t rdevice_major, uint32_t rdevice_minor);
// What bind(2) does for a unix socket: as MakeNode of a S_IFSOCK, and where it is. EADDRINUSE for EEXIST is the
// caller's.
base::Result<Path> MakeSocket(Context& context, const StartPoint& at, std::string_view name, uint32_t mode);
base::Result<void> MakeSymlink(Context& context, std::string_view target, const StartPoint& at, std::string_view name);
// link(2) of what `old_path` leads to.
base::Result<void> MakeLink(Context& context, const Path& old_path, const StartPoint& at, std::string_view name);

base::Result<void> Unlink(Context& context, const StartPoint& at, std::string_view name);
base::Result<void> RemoveDirectory(Context& context, const StartPoint& at, std::string_view name);
// renameat2(2).
base::Result<void> Rename(Context& context, const StartPoint& old_at, std::string_view old_name,
                          const StartPoint& new_at, std::string_view new_name, unsigned flags);

// readlink(2). EINVAL: not a symbolic link. An empty name is the start itself (ENOENT unless that is a link).
base::Result<std::string> ReadLink(Context& context, const StartPoint& at, std::string_view name);
base::Result<std::string> ReadLinkAt(Context& context, const Path& path, const Path& root);

base::Result<void> ChangeMode(Context& context, const Path& path, uint32_t mode);
// chown(2); an empty id stays. Clears set-id bits.
base::Result<void> ChangeOwner(Context& context, const Path& path, std::optional<base::KUid> uid,
                               std::optional<base::KGid> gid);
// truncate(2) by path: needs write permission. ftruncate(2): `description` is open for writing (EINVAL).
base::Result<void> Truncate(Context& context, const Path& path, int64_t size);
base::Result<void> TruncateDescription(Context& context, FileDescription& description, int64_t size);

// utimensat(2). Both `kNow` needs only write permission; empty: unchanged.
struct TimeChange {
  enum class Kind { kOmit, kNow, kSet };
  Kind kind = Kind::kOmit;
  Timestamp time;
};
base::Result<void> SetTimes(Context& context, const Path& path, const TimeChange& access, const TimeChange& modify);

// xattr(7).
base::Result<std::string> GetXattr(Context& context, const Path& path, std::string_view name);
base::Result<void> SetXattr(Context& context, const Path& path, std::string_view name, std::string_view value,
                            int flags);
base::Result<std::vector<std::string>> ListXattr(Context& context, const Path& path);
base::Result<void> RemoveXattr(Context& context, const Path& path, std::string_view name);

// The name of a path as seen from `root`: for getcwd(2), /proc/PID/fd, maps. Anonymous: its bare name.
struct PathText {
  std::string name;       // Without the mark of a deleted one.
  bool deleted = false;   // The last component's name is gone.
  bool reachable = true;  // Whether it is below `root`; else `name` is as seen from the top of its mounts.
  // As /proc shows it.
  std::string Shown() const { return deleted ? name + " (deleted)" : name; }
};
PathText PathName(const Path& path, const Path& root);

}  // namespace vfs
