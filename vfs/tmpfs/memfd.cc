// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/memfd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/tmpfs/tmpfs.h"
#include "vfs/tmpfs/tmpfs_file.h"

namespace vfs {
namespace {

constexpr int kLargeFile = 0100000;  // O_LARGEFILE, which F_GETFL shows.

// The tmpfs of all unnamed files, which no namespace has. Without limits: the container's memory limit counts.
Mount& InternalMount(Context& context) {
  static Mount& mount = *Mount::Create(Tmpfs::Create(context, TmpfsOptions()), 0, "tmpfs").release();
  return mount;
}

base::Result<base::RefPtr<FileDescription>> CreateFile(Context& context, const std::string& name, uint32_t mode,
                                                       uint32_t seals) {
  base::RefPtr<Mount> mount(&InternalMount(context));
  base::RefPtr<Tmpfs> tmpfs(static_cast<Tmpfs*>(&mount->filesystem()));
  CreateOptions options{.mode = S_IFREG | mode};
  options.uid = context.credentials().fsuid;
  options.gid = context.credentials().fsgid;
  TRY(tmpfs->ChargeInode());
  int64_t now = context.RealtimeNow();
  auto file = base::MakeRef<TmpfsFile>(std::move(tmpfs), options, now);
  file->ChangeLinks(-1, now);
  file->ReplaceSeals(seals);
  Path path(std::move(mount), Dentry::CreateAnonymous(file, name + " (deleted)"));
  return file->Open(context, path, O_RDWR | kLargeFile);
}

}  // namespace

base::Result<base::RefPtr<FileDescription>> CreateMemfd(Context& context, const std::string& name, uint32_t mode,
                                                        uint32_t seals) {
  return CreateFile(context, "/memfd:" + name, mode, seals);
}

base::Result<base::RefPtr<FileDescription>> CreateUnnamedFile(Context& context, const std::string& name,
                                                              uint32_t mode) {
  constexpr uint32_t kNoMoreSeals = 0x1;  // F_SEAL_SEAL
  return CreateFile(context, name, mode, kNoMoreSeals);
}

}  // namespace vfs
