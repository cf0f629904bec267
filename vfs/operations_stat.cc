// SPDX-License-Identifier: Apache-2.0
#include "vfs/operations_common.h"

namespace vfs {
namespace {

// statfs(2): f_flags was filled in.
constexpr uint64_t kStatfsValid = 0x20;

}  // namespace

void FillDevice(const Inode& inode, Attributes& attributes) {
  if (attributes.device_major == 0 && attributes.device_minor == 0) {
    attributes.device_minor = inode.filesystem().device_minor();
  }
}

base::Result<Attributes> StatPath(Context& context, const Path& path) {
  Inode& inode = *path.dentry->inode();
  Attributes attributes = TRY(inode.Stat(context));
  FillDevice(inode, attributes);
  return attributes;
}

base::Result<Attributes> Stat(Context& context, const StartPoint& at, std::string_view name,
                              const WalkOptions& options) {
  return StatPath(context, TRY(Walk(context, at, name, options)));
}

base::Result<void> AccessPath(Context& context, const Path& path, unsigned access) {
  Inode& inode = *path.dentry->inode();
  if ((access & kMayExecute) != 0 && inode.is_regular() && (path.mount->flags() & kMountNoExec) != 0) {
    return base::Errno(EACCES);
  }
  TRY(CheckPermission(context, inode, access));
  bool file = inode.is_regular() || inode.is_directory() || inode.is_symlink();
  if ((access & kMayWrite) != 0 && file) return WantWrite(path);
  return {};
}

base::Result<void> Access(Context& context, const StartPoint& at, std::string_view name, unsigned access,
                          const WalkOptions& options) {
  return AccessPath(context, TRY(Walk(context, at, name, options)), access);
}

base::Result<Path> EnterDirectory(Context& context, const StartPoint& at, std::string_view name) {
  Path path = TRY(Walk(context, at, name, {.directory = true}));
  TRY(CheckPermission(context, *path.dentry->inode(), kMayExecute));
  return path;
}

base::Result<FilesystemStatus> StatFilesystem(Context& context, const Path& path) {
  FilesystemStatus status = TRY(path.dentry->filesystem().Status(context));
  status.flags = path.mount->flags() | kStatfsValid;
  if (path.mount->read_only()) status.flags |= kMountReadOnly;
  if (status.id == 0) status.id = path.dentry->filesystem().device_minor();
  return status;
}

base::Result<void> ReadDirectory(Context& context, FileDescription& description, DirectorySink& sink) {
  if (description.is_path_only()) return base::Errno(EBADF);
  const Dentry& dentry = *description.path().dentry;
  if (!dentry.is_directory()) return base::Errno(ENOTDIR);
  if (dentry.is_dead()) return base::Errno(ENOENT);
  return description.ReadDirectory(context, sink);
}

base::Result<std::string> ReadLinkAt(Context& context, const Path& path, const Path& root) {
  Inode& inode = *path.dentry->inode();
  if (!inode.is_symlink()) return base::Errno(EINVAL);
  Path magic = TRY(inode.FollowMagicLink(context));
  if (magic) return PathName(magic, root).Shown();
  return inode.ReadLink(context);
}

base::Result<std::string> ReadLink(Context& context, const StartPoint& at, std::string_view name) {
  if (name.empty()) {
    base::Result<std::string> target = ReadLinkAt(context, at.start, at.root);
    if (!target.ok() && target.error().code() == EINVAL) return base::Errno(ENOENT);
    return target;
  }
  return ReadLinkAt(context, TRY(Walk(context, at, name, {.follow = false})), at.root);
}

}  // namespace vfs
