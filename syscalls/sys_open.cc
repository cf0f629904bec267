// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_open.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <vector>

#include "base/clock.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/operations.h"

namespace syscalls {
namespace {

constexpr uint32_t kModeMask = 07777;
constexpr uint32_t kCloseRangeUnshare = 2;
constexpr uint32_t kCloseRangeCloexec = 4;

struct OpenHow {
  uint64_t flags = 0;
  uint64_t mode = 0;
  uint64_t resolve = 0;
};
static_assert(sizeof(OpenHow) == 24);

// Flags openat2(2) knows; open(2) ignores the others.
constexpr uint64_t kKnownFlags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |
                                 O_ASYNC | O_DIRECT | 0100000 /* O_LARGEFILE */ | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
                                 O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE;

base::SysResult<base::Fd> Open(Task& task, base::Fd directory, UserCString path, const vfs::OpenOptions& options) {
  std::string name = TRY(ReadPath(task, path));
  // Within a scope even an absolute name begins at the directory.
  bool scoped = (options.resolve & (vfs::kResolveBeneath | vfs::kResolveInRoot)) != 0;
  vfs::StartPoint start = TRY(StartAt(task, directory, scoped && !name.empty() ? "." : name));
  base::RefPtr<vfs::FileDescription> file = TRY(vfs::Open(task, start, name, options));
  TRY(task.BlockingOp(*file, POLLIN | POLLOUT, /*nonblocking=*/false, base::kForever,
                      [&] { return file->TryFinishOpen(task); }));
  return TRY(task.InstallFd(std::move(file), (options.flags & O_CLOEXEC) != 0));
}

uint32_t CreationMode(Task& task, int flags, uint32_t mode) {
  bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? mode & kModeMask & ~task.fs().umask() : 0;
}

}  // namespace

base::SysResult<base::Fd> SysOpenat(Task& task, base::Fd directory, UserCString path, int32_t flags, uint32_t mode) {
  return Open(task, directory, path, {.flags = flags, .mode = CreationMode(task, flags, mode)});
}

base::SysResult<base::Fd> SysOpen(Task& task, UserCString path, int32_t flags, uint32_t mode) {
  return SysOpenat(task, base::Fd(AT_FDCWD), path, flags, mode);
}

base::SysResult<base::Fd> SysCreat(Task& task, UserCString path, uint32_t mode) {
  return SysOpenat(task, base::Fd(AT_FDCWD), path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

base::SysResult<base::Fd> SysOpenat2(Task& task, base::Fd directory, UserCString path, base::GuestAddr how,
                                     uint64_t size) {
  if (size < sizeof(OpenHow)) return base::Errno(EINVAL);
  if (size > base::kPageSize) return base::Errno(E2BIG);
  std::vector<std::byte> bytes(size);
  TRY(task.user_memory().CopyIn(how, bytes));
  for (size_t i = sizeof(OpenHow); i < size; ++i) {
    if (bytes[i] != std::byte{0}) return base::Errno(E2BIG);
  }
  OpenHow request;
  memcpy(&request, bytes.data(), sizeof(request));
  if ((request.flags & ~kKnownFlags) != 0 || (request.resolve & ~vfs::kResolveAll) != 0) return base::Errno(EINVAL);
  if ((request.resolve & (vfs::kResolveBeneath | vfs::kResolveInRoot)) ==
      (vfs::kResolveBeneath | vfs::kResolveInRoot)) {
    return base::Errno(EINVAL);
  }
  int flags = static_cast<int>(request.flags);
  bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  if (creates ? (request.mode & ~uint64_t{kModeMask}) != 0 : request.mode != 0) return base::Errno(EINVAL);
  if ((flags & O_PATH) != 0 && (flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) != 0) {
    return base::Errno(EINVAL);
  }
  return Open(task, directory, path,
              {.flags = flags,
               .mode = CreationMode(task, flags, static_cast<uint32_t>(request.mode)),
               .resolve = request.resolve});
}

base::Result<void> SysClose(Task& task, base::Fd fd) { return task.fds().Close(task, fd); }

base::Result<void> SysCloseRange(Task& task, uint32_t first, uint32_t last, uint32_t flags) {
  if ((flags & ~(kCloseRangeUnshare | kCloseRangeCloexec)) != 0) return base::Errno(EINVAL);
  if (first > last) return base::Errno(EINVAL);
  if ((flags & kCloseRangeUnshare) != 0) task.UnshareFds();
  task.fds().CloseRange(task, first, last, (flags & kCloseRangeCloexec) != 0);
  return {};
}

}  // namespace syscalls
