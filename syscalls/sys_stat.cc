// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_stat.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sentry/kernel_context.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace syscalls {
namespace {

base::abi::Stat ToStat(const vfs::Attributes& from) {
  base::abi::Stat stat;
  stat.device = base::abi::EncodeDevice(from.device_major, from.device_minor);
  stat.inode = from.inode;
  stat.links = from.links;
  stat.mode = from.mode;
  stat.uid = from.uid.value();
  stat.gid = from.gid.value();
  stat.rdevice = base::abi::EncodeDevice(from.rdevice_major, from.rdevice_minor);
  stat.size = static_cast<int64_t>(from.size);
  stat.block_size = from.block_size;
  stat.blocks = static_cast<int64_t>(from.blocks);
  stat.access_seconds = from.access_time.seconds;
  stat.access_nanoseconds = from.access_time.nanoseconds;
  stat.modify_seconds = from.modify_time.seconds;
  stat.modify_nanoseconds = from.modify_time.nanoseconds;
  stat.change_seconds = from.change_time.seconds;
  stat.change_nanoseconds = from.change_time.nanoseconds;
  return stat;
}

base::abi::StatxTimestamp ToStatx(const vfs::Timestamp& time) {
  return {.seconds = time.seconds, .nanoseconds = time.nanoseconds, .reserved = 0};
}

base::abi::Statfs ToStatfs(const vfs::FilesystemStatus& from) {
  base::abi::Statfs status;
  status.type = static_cast<int64_t>(from.type);
  status.block_size = status.fragment_size = static_cast<int64_t>(from.block_size);
  status.blocks = from.blocks;
  status.blocks_free = from.blocks_free;
  status.blocks_available = from.blocks_available;
  status.files = from.files;
  status.files_free = from.files_free;
  status.id = from.id;
  status.name_length = static_cast<int64_t>(from.name_length);
  // ST_VALID: the flags mean something.
  status.flags = static_cast<int64_t>(from.flags | 0x20);
  return status;
}

// access(2) asks for the real ids; a root user's permitted capabilities count, others' do not.
base::RefPtr<vfs::Credentials> RealCredentials(Task& task) {
  base::RefPtr<vfs::Credentials> real = task.CopyCredentials();
  real->fsuid = real->ruid;
  real->fsgid = real->rgid;
  constexpr uint32_t kNoSetuidFixup = 1 << 2;
  if ((real->securebits & kNoSetuidFixup) == 0) {
    real->effective = real->ruid == base::KUid(0) ? real->permitted : 0;
  }
  return real;
}

base::Result<void> Access(Task& task, base::Fd directory, UserCString path, int mode, int flags) {
  if ((mode & ~(R_OK | W_OK | X_OK)) != 0) return base::Errno(EINVAL);
  if ((flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name, (flags & AT_EMPTY_PATH) != 0));
  vfs::WalkOptions options{.follow = (flags & AT_SYMLINK_NOFOLLOW) == 0, .allow_empty = (flags & AT_EMPTY_PATH) != 0};
  if ((flags & AT_EACCESS) != 0) return vfs::Access(task, start, name, static_cast<unsigned>(mode), options);
  sentry::KernelContext context(RealCredentials(task));
  return vfs::Access(context, start, name, static_cast<unsigned>(mode), options);
}

}  // namespace

base::Result<void> SysStat(Task& task, UserCString path, StatOut out) {
  return SysNewfstatat(task, base::Fd(AT_FDCWD), path, out, 0);
}

base::Result<void> SysLstat(Task& task, UserCString path, StatOut out) {
  return SysNewfstatat(task, base::Fd(AT_FDCWD), path, out, AT_SYMLINK_NOFOLLOW);
}

base::Result<void> SysFstat(Task& task, base::Fd fd, StatOut out) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  return out.Write(task.user_memory(), ToStat(TRY(file->Stat(task))));
}

base::Result<void> SysNewfstatat(Task& task, base::Fd directory, UserCString path, StatOut out, int32_t flags) {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) != 0) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  if (name.empty() && (flags & AT_EMPTY_PATH) != 0 && directory.value() >= 0) return SysFstat(task, directory, out);
  vfs::StartPoint start = TRY(StartAt(task, directory, name, (flags & AT_EMPTY_PATH) != 0));
  vfs::WalkOptions options{.follow = (flags & AT_SYMLINK_NOFOLLOW) == 0, .allow_empty = (flags & AT_EMPTY_PATH) != 0};
  return out.Write(task.user_memory(), ToStat(TRY(vfs::Stat(task, start, name, options))));
}

base::Result<void> SysStatx(Task& task, base::Fd directory, UserCString path, int32_t flags, uint32_t mask,
                            sentry::UserOut<base::abi::Statx> out) {
  constexpr int kSync = AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC;
  if ((mask & STATX__RESERVED) != 0) return base::Errno(EINVAL);
  if ((flags & kSync) == kSync) return base::Errno(EINVAL);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | kSync)) != 0) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  vfs::Attributes from;
  uint64_t mount_id = 0;
  if (name.empty() && (flags & AT_EMPTY_PATH) != 0 && directory.value() >= 0) {
    base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(directory));
    from = TRY(file->Stat(task));
    if (file->path().mount) mount_id = static_cast<uint64_t>(file->path().mount->id());
  } else {
    vfs::StartPoint start = TRY(StartAt(task, directory, name, (flags & AT_EMPTY_PATH) != 0));
    vfs::Path found =
        TRY(vfs::Walk(task, start, name,
                      {.follow = (flags & AT_SYMLINK_NOFOLLOW) == 0, .allow_empty = (flags & AT_EMPTY_PATH) != 0}));
    from = TRY(vfs::StatPath(task, found));
    mount_id = static_cast<uint64_t>(found.mount->id());
  }
  base::abi::Statx result;
  result.mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  result.block_size = from.block_size;
  result.links = static_cast<uint32_t>(from.links);
  result.uid = from.uid.value();
  result.gid = from.gid.value();
  result.mode = static_cast<uint16_t>(from.mode);
  result.inode = from.inode;
  result.size = from.size;
  result.blocks = from.blocks;
  result.access_time = ToStatx(from.access_time);
  result.birth_time = ToStatx(from.birth_time);
  result.change_time = ToStatx(from.change_time);
  result.modify_time = ToStatx(from.modify_time);
  result.rdevice_major = from.rdevice_major;
  result.rdevice_minor = from.rdevice_minor;
  result.device_major = from.device_major;
  result.device_minor = from.device_minor;
  result.mount_id = mount_id;
  return out.Write(task.user_memory(), result);
}

base::Result<void> SysAccess(Task& task, UserCString path, int32_t mode) {
  return Access(task, base::Fd(AT_FDCWD), path, mode, 0);
}

base::Result<void> SysFaccessat(Task& task, base::Fd directory, UserCString path, int32_t mode) {
  return Access(task, directory, path, mode, 0);
}

base::Result<void> SysFaccessat2(Task& task, base::Fd directory, UserCString path, int32_t mode, int32_t flags) {
  return Access(task, directory, path, mode, flags);
}

base::Result<uint64_t> SysReadlink(Task& task, UserCString path, base::GuestAddr buffer, int32_t size) {
  return SysReadlinkat(task, base::Fd(AT_FDCWD), path, buffer, size);
}

base::Result<uint64_t> SysReadlinkat(Task& task, base::Fd directory, UserCString path, base::GuestAddr buffer,
                                     int32_t size) {
  if (size <= 0) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name, /*allow_empty=*/true));
  std::string target = TRY(vfs::ReadLink(task, start, name));
  size_t count = std::min(target.size(), static_cast<size_t>(size));
  TRY(task.user_memory().CopyOut(buffer, std::as_bytes(std::span(target.data(), count))));
  return count;
}

base::Result<void> SysStatfs(Task& task, UserCString path, StatfsOut out) {
  vfs::Path found = TRY(ResolveAt(task, base::Fd(AT_FDCWD), path, 0));
  return out.Write(task.user_memory(), ToStatfs(TRY(vfs::StatFilesystem(task, found))));
}

base::Result<void> SysFstatfs(Task& task, base::Fd fd, StatfsOut out) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  return out.Write(task.user_memory(), ToStatfs(TRY(file->StatFilesystem(task))));
}

}  // namespace syscalls
