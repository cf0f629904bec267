// SPDX-License-Identifier: Apache-2.0
#include "vfs/operations_common.h"

namespace vfs {

base::Result<void> MakeDirectory(Context& context, const StartPoint& at, std::string_view name, uint32_t mode) {
  TRY(CreateName(context, at, name, true, [&](Inode& directory, std::string_view last, const Ownership& ownership) {
    CreateOptions options{.mode = S_IFDIR | (mode & 01777)};
    InheritOwnership(context.credentials(), ownership, options);
    return directory.Create(context, last, options);
  }));
  return {};
}

base::Result<void> MakeNode(Context& context, const StartPoint& at, std::string_view name, uint32_t mode,
                            uint32_t rdevice_major, uint32_t rdevice_minor) {
  uint32_t type = mode & S_IFMT;
  switch (type) {
    case 0:
      type = S_IFREG;
      break;
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      break;
    case S_IFDIR:
      return base::Errno(EPERM);
    default:
      return base::Errno(EINVAL);
  }
  bool device = type == S_IFCHR || type == S_IFBLK;
  TRY(CreateName(
      context, at, name, false,
      [&](Inode& directory, std::string_view last, const Ownership& ownership) -> base::Result<base::RefPtr<Inode>> {
        // A character device 0:0 is an overlay's whiteout, for anybody.
        bool whiteout = type == S_IFCHR && rdevice_major == 0 && rdevice_minor == 0;
        if (device && !whiteout && !HasCapabilityOver(context.credentials(), ownership, kCapMknod)) {
          return base::Errno(EPERM);
        }
        CreateOptions options{.mode = type | (mode & 07777)};
        if (device) {
          options.rdevice_major = rdevice_major;
          options.rdevice_minor = rdevice_minor;
        }
        InheritOwnership(context.credentials(), ownership, options);
        return directory.Create(context, last, options);
      }));
  return {};
}

base::Result<Path> MakeSocket(Context& context, const StartPoint& at, std::string_view name, uint32_t mode) {
  return CreateName(context, at, name, false, [&](Inode& directory, std::string_view last, const Ownership& ownership) {
    CreateOptions options{.mode = S_IFSOCK | (mode & 07777)};
    InheritOwnership(context.credentials(), ownership, options);
    return directory.Create(context, last, options);
  });
}

base::Result<void> MakeSymlink(Context& context, std::string_view target, const StartPoint& at, std::string_view name) {
  if (target.empty()) return base::Errno(ENOENT);
  if (target.size() >= kPathMax) return base::Errno(ENAMETOOLONG);
  TRY(CreateName(context, at, name, false, [&](Inode& directory, std::string_view last, const Ownership& ownership) {
    CreateOptions options{.mode = S_IFLNK | 0777};
    InheritOwnership(context.credentials(), ownership, options);
    return directory.Symlink(context, last, target, options);
  }));
  return {};
}

base::Result<void> MakeLink(Context& context, const Path& old_path, const StartPoint& at, std::string_view name) {
  base::RefPtr<Inode> inode = old_path.dentry->inode();
  ParentWalk walk = TRY(WalkToParent(context, at, name));
  if (walk.kind != LastComponent::kName) return base::Errno(EEXIST);
  Dentry& directory = *walk.parent.dentry;
  base::MutexLock lock(directory.directory_mutex());
  base::Result<base::RefPtr<Dentry>> existing = directory.LookupLocked(context, walk.name);
  if (existing.ok()) return base::Errno(EEXIST);
  if (existing.error().code() != ENOENT || directory.is_dead()) return existing.error();
  if (walk.trailing_slash) return base::Errno(ENOENT);
  TRY(WantWrite(walk.parent));
  if (walk.parent.mount != old_path.mount) return base::Errno(EXDEV);
  TRY(MayCreate(context, directory));
  if (&inode->filesystem() != &directory.filesystem()) return base::Errno(EXDEV);
  if (inode->is_directory()) return base::Errno(EPERM);
  if (!old_path.dentry->is_linkable() && TRY(inode->Stat(context)).links == 0) return base::Errno(ENOENT);
  TRY(directory.inode()->Link(context, walk.name, *inode));
  base::RefPtr<Dentry> made = directory.Insert(walk.name, std::move(inode));
  NotifyInode(*made->inode(), IN_ATTRIB);
  NotifyName(directory, *made, IN_CREATE);
  return {};
}

}  // namespace vfs
