// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "vfs/operations_common.h"
#include "vfs/walker.h"

namespace vfs {
namespace {

// What F_GETFL does not show, and Inode::Open does not see.
constexpr int kOpeningOnly = O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC;
// O_LARGEFILE, which every open of a 64-bit program has; the C library's is 0.
constexpr int kLargeFile = 0100000;
// What O_PATH does not ignore.
constexpr int kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH;
constexpr int kTmpFile = O_TMPFILE & ~O_DIRECTORY;

class PathOnlyDescription : public FileDescription {
 public:
  PathOnlyDescription(Path path, int flags) : FileDescription(std::move(path), flags) {}
};

unsigned AccessOf(const OpenOptions& options) {
  if (options.for_exec) return kMayExecute;
  unsigned access = 0;
  switch (options.flags & O_ACCMODE) {
    case O_RDONLY:
      access = kMayRead;
      break;
    case O_WRONLY:
      access = kMayWrite;
      break;
    default:  // 3 asks for both permissions and gives neither; ioctl(2) only.
      access = kMayRead | kMayWrite;
  }
  if ((options.flags & O_TRUNC) != 0) access |= kMayWrite;
  return access;
}

bool IsDevice(const Inode& inode) { return inode.type() == S_IFCHR || inode.type() == S_IFBLK; }

// may_open of Linux.
base::Result<void> MayOpen(Context& context, const Path& path, unsigned access, int flags) {
  Inode& inode = *path.dentry->inode();
  switch (inode.type()) {
    case S_IFLNK:
      return base::Errno(ELOOP);
    case S_IFDIR:
      if ((access & kMayWrite) != 0) return base::Errno(EISDIR);
      if ((access & kMayExecute) != 0) return base::Errno(EACCES);
      break;
    case S_IFREG:
      if ((access & kMayExecute) != 0 && (path.mount->flags() & kMountNoExec) != 0) return base::Errno(EACCES);
      break;
    default:
      if (IsDevice(inode) && (path.mount->flags() & kMountNoDev) != 0) return base::Errno(EACCES);
      if ((access & kMayExecute) != 0) return base::Errno(EACCES);
  }
  TRY(CheckPermission(context, inode, access));
  if ((flags & O_NOATIME) != 0 && !IsOwnerOrCapable(context.credentials(), TRY(inode.GetOwnership(context)))) {
    return base::Errno(EPERM);
  }
  return {};
}

// Gives a writer's or executor's places back unless the open succeeds.
class Claim {
 public:
  explicit Claim(const Path& path) : path_(path) {}
  ~Claim() {
    if (execution_) inode().AllowWriters();
    if (!writing_) return;
    inode().RemoveWriter();
    path_.mount->RemoveWriter();
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  base::Result<void> TakeWriting() {
    TRY(inode().AddWriter());
    base::Result<void> mount = path_.mount->AddWriter();
    if (!mount.ok()) inode().RemoveWriter();
    writing_ = mount.ok();
    return mount;
  }
  base::Result<void> TakeExecution() {
    TRY(inode().DenyWriters());
    execution_ = true;
    return {};
  }
  void HandOver(FileDescription& description) {
    if (writing_) description.set_holds_writer();
    writing_ = execution_ = false;
  }

 private:
  Inode& inode() const { return *path_.dentry->inode(); }
  const Path& path_;
  bool writing_ = false;
  bool execution_ = false;
};

base::Result<base::RefPtr<FileDescription>> OpenFound(Context& context, const Path& path, const OpenOptions& options,
                                                      bool created) {
  Inode& inode = *path.dentry->inode();
  int flags = options.flags;
  unsigned access = AccessOf(options);
  bool truncate = false;
  if (created) {
    access = 0;
  } else if (inode.is_regular() && (flags & O_TRUNC) != 0) {
    TRY(WantWrite(path));
    truncate = true;
  }
  TRY(MayOpen(context, path, access, flags));
  if (options.for_exec && !inode.is_regular()) return base::Errno(EACCES);
  bool writes = (flags & O_ACCMODE) != O_RDONLY;
  Claim claim(path);
  if (inode.is_regular() || inode.is_directory()) {
    if (writes) {
      TRY(claim.TakeWriting());
    } else if (options.for_exec) {
      TRY(claim.TakeExecution());
    }
  }
  base::RefPtr<FileDescription> description = TRY(inode.Open(context, path, (flags & ~kOpeningOnly) | kLargeFile));
  if ((flags & O_DIRECT) != 0 && !description->SupportsDirect()) return base::Errno(EINVAL);
  if (truncate) {
    Claim truncating(path);
    if (!writes) TRY(truncating.TakeWriting());
    TRY(SetSize(context, inode, 0));
    NotifyPath(path, IN_MODIFY);
  }
  claim.HandOver(*description);
  NotifyPath(path, IN_OPEN);
  description->set_tells_close();
  return description;
}

// What O_CREAT finds in a sticky directory everybody may write must be the caller's or the directory owner's, unless it
// is what fs.protected_regular and fs.protected_fifos (0 here) speak of (may_create_in_sticky of Linux).
base::Result<void> CheckFoundInSticky(Context& context, Inode& directory, Inode& found) {
  Ownership parent = TRY(directory.GetOwnership(context));
  if ((parent.mode & S_ISVTX) == 0 || (parent.mode & S_IWOTH) == 0) return {};
  if (found.is_regular() || found.type() == S_IFIFO) return {};
  Ownership child = TRY(found.GetOwnership(context));
  if (child.uid == parent.uid || child.uid == context.credentials().fsuid) return {};
  return base::Errno(EACCES);
}

struct Found {
  base::RefPtr<Dentry> dentry;
  bool created = false;
};

// The last component for O_CREAT: what is there, or a new regular file.
base::Result<Found> FindOrCreate(Context& context, const Path& parent, std::string_view name,
                                 const OpenOptions& options) {
  Dentry& directory = *parent.dentry;
  if ((options.flags & O_EXCL) == 0) {
    // Most often the file exists: no need for the directory's lock.
    base::Result<base::RefPtr<Dentry>> existing = directory.Lookup(context, name);
    if (existing.ok()) return Found{std::move(existing).value(), false};
    if (existing.error().code() != ENOENT) return existing.error();
  }
  base::MutexLock lock(directory.directory_mutex());
  base::Result<base::RefPtr<Dentry>> existing = directory.LookupLocked(context, name);
  if (existing.ok()) return Found{std::move(existing).value(), false};
  if (existing.error().code() != ENOENT) return existing.error();
  TRY(WantWrite(parent));
  TRY(MayCreate(context, directory));
  CreateOptions create{.mode = S_IFREG | (options.mode & 07777)};
  InheritOwnership(context.credentials(), TRY(directory.inode()->GetOwnership(context)), create);
  base::RefPtr<Inode> inode = TRY(directory.inode()->Create(context, name, create));
  Found made{directory.Insert(name, std::move(inode)), true};
  NotifyName(directory, *made.dentry, IN_CREATE);
  return made;
}

base::Result<base::RefPtr<FileDescription>> OpenUnnamed(Context& context, const StartPoint& at, std::string_view name,
                                                        const OpenOptions& options) {
  Path parent = TRY(Walk(context, at, name,
                         {.follow = (options.flags & O_NOFOLLOW) == 0, .directory = true, .resolve = options.resolve}));
  TRY(WantWrite(parent));
  Inode& directory = *parent.dentry->inode();
  TRY(CheckPermission(context, directory, kMayWrite | kMayExecute));
  CreateOptions create{.mode = S_IFREG | (options.mode & 07777)};
  InheritOwnership(context.credentials(), TRY(directory.GetOwnership(context)), create);
  base::RefPtr<Inode> inode = TRY(directory.CreateUnnamed(context, create));
  std::string shown = "#" + std::to_string(TRY(inode->Stat(context)).inode);
  Path path(parent.mount,
            Dentry::CreateUnnamed(parent.dentry, std::move(inode), std::move(shown), (options.flags & O_EXCL) == 0));
  OpenOptions rest = options;
  rest.flags &= ~kTmpFile;
  return OpenFound(context, path, rest, true);
}

}  // namespace

base::Result<base::RefPtr<FileDescription>> Open(Context& context, const StartPoint& at, std::string_view name,
                                                 const OpenOptions& options) {
  int flags = options.flags;
  if ((flags & O_PATH) != 0) {
    Path path = TRY(Walk(
        context, at, name,
        {.follow = (flags & O_NOFOLLOW) == 0, .directory = (flags & O_DIRECTORY) != 0, .resolve = options.resolve}));
    return base::RefPtr<FileDescription>(base::MakeRef<PathOnlyDescription>(std::move(path), flags & kPathFlags));
  }
  if ((flags & kTmpFile) != 0) {
    if ((flags & O_DIRECTORY) == 0 || (flags & O_CREAT) != 0 || (flags & O_ACCMODE) == O_RDONLY) {
      return base::Errno(EINVAL);
    }
    return OpenUnnamed(context, at, name, options);
  }
  bool create = (flags & O_CREAT) != 0;
  if (create && (flags & O_DIRECTORY) != 0) return base::Errno(EINVAL);
  bool exclusive = create && (flags & O_EXCL) != 0;
  bool follow = (flags & O_NOFOLLOW) == 0 && !exclusive;
  bool directory = (flags & O_DIRECTORY) != 0;

  Walker walker = TRY(Walker::Create(context, at, name, options.resolve));
  bool created = false;
  Path parent;
  for (;;) {
    TRY(walker.WalkToLast());
    if (create) parent = walker.current();
    if (walker.last_kind() != LastComponent::kName) {
      TRY(walker.StepDots(walker.last_kind()));
      break;
    }
    Found found;
    if (create) {
      if (walker.trailing_slash()) return base::Errno(EISDIR);
      found = TRY(FindOrCreate(context, walker.current(), walker.last(), options));
    } else {
      if (walker.trailing_slash()) follow = directory = true;
      found.dentry = TRY(walker.current().dentry->Lookup(context, walker.last()));
    }
    created = found.created;
    if (!TRY(walker.StepInto(std::move(found.dentry), follow))) break;
  }
  Dentry& dentry = *walker.current().dentry;
  if (create && !created) {
    if (exclusive) return base::Errno(EEXIST);
    if (dentry.is_directory()) return base::Errno(EISDIR);
    TRY(CheckFoundInSticky(context, *parent.dentry->inode(), *dentry.inode()));
  }
  if (directory && !dentry.is_directory()) return base::Errno(ENOTDIR);
  return OpenFound(context, walker.current(), options, created);
}

base::Result<base::RefPtr<FileDescription>> OpenPath(Context& context, const Path& path, const OpenOptions& options) {
  if ((options.flags & O_DIRECTORY) != 0 && !path.dentry->is_directory()) return base::Errno(ENOTDIR);
  if ((options.flags & O_PATH) != 0) {
    return base::RefPtr<FileDescription>(base::MakeRef<PathOnlyDescription>(path, options.flags & kPathFlags));
  }
  return OpenFound(context, path, options, false);
}

}  // namespace vfs
