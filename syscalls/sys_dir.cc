// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_dir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "sentry/mm/memory_manager.h"
#include "vfs/inode.h"
#include "vfs/operations.h"
#include "vfs/permission.h"

namespace syscalls {
namespace {

constexpr int kCapSysChroot = 18;
// More is not gathered for one call; the guest asks again.
constexpr size_t kMaxDirectoryBuffer = 64 * 1024;

// Lays entries out as getdents64(2) (type behind the length) or getdents(2) (type in the last byte) wants them.
class DirectoryBuffer : public vfs::DirectorySink {
 public:
  DirectoryBuffer(size_t size, bool is64) : size_(size), is64_(is64) {}

  bool Add(std::string_view name, uint64_t inode, uint8_t type, int64_t next_offset) override {
    constexpr size_t kHeader = 18;
    size_t length = is64_ ? kHeader + 1 + name.size() + 1 : kHeader + name.size() + 2;
    length = (length + 7) & ~size_t{7};
    if (bytes_.size() + length > size_) {
      full_ = true;
      return false;
    }
    size_t at = bytes_.size();
    bytes_.resize(at + length);
    auto record = static_cast<uint16_t>(length);
    memcpy(&bytes_[at], &inode, 8);
    memcpy(&bytes_[at + 8], &next_offset, 8);
    memcpy(&bytes_[at + 16], &record, 2);
    if (is64_) {
      bytes_[at + kHeader] = static_cast<char>(type);
      memcpy(&bytes_[at + kHeader + 1], name.data(), name.size());
    } else {
      memcpy(&bytes_[at + kHeader], name.data(), name.size());
      bytes_[at + length - 1] = static_cast<char>(type);
    }
    return true;
  }

  const std::string& bytes() const { return bytes_; }
  bool full() const { return full_; }

 private:
  const size_t size_;
  const bool is64_;
  bool full_ = false;
  std::string bytes_;
};

base::Result<uint64_t> GetDirectoryEntries(Task& task, base::Fd fd, base::GuestAddr buffer, uint32_t size, bool is64) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  // A bad buffer must not swallow entries: what is delivered is behind the offset then.
  size_t usable = std::min<size_t>(size, kMaxDirectoryBuffer);
  TRY(task.memory().memory().Clip(buffer, usable));
  DirectoryBuffer entries(usable, is64);
  TRY(file->ReadDirectory(task, entries));
  if (entries.bytes().empty()) {
    if (entries.full()) return base::Errno(EINVAL);
    return 0;
  }
  TRY(task.user_memory().CopyOut(buffer, std::as_bytes(std::span(entries.bytes().data(), entries.bytes().size()))));
  return entries.bytes().size();
}

}  // namespace

base::Result<void> SysChdir(Task& task, UserCString path) {
  std::string name = TRY(ReadPath(task, path));
  task.fs().set_cwd(TRY(vfs::EnterDirectory(task, StartAtCwd(task), name)));
  return {};
}

base::Result<void> SysFchdir(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (!file->inode().is_directory()) return base::Errno(ENOTDIR);
  TRY(vfs::AccessPath(task, file->path(), vfs::kMayExecute));
  task.fs().set_cwd(file->path());
  return {};
}

base::Result<void> SysChroot(Task& task, UserCString path) {
  std::string name = TRY(ReadPath(task, path));
  vfs::Path root = TRY(vfs::EnterDirectory(task, StartAtCwd(task), name));
  if (!task.credentials().HasCapability(kCapSysChroot)) return base::Errno(EPERM);
  task.fs().set_root(std::move(root));
  return {};
}

base::Result<uint64_t> SysGetcwd(Task& task, base::GuestAddr buffer, uint64_t size) {
  vfs::PathText text = vfs::PathName(task.fs().cwd(), task.fs().root());
  if (text.deleted) return base::Errno(ENOENT);
  std::string name = text.reachable ? text.name : "(unreachable)" + text.name;
  if (name.size() + 1 > size) return base::Errno(ERANGE);
  TRY(task.user_memory().CopyOut(buffer, std::as_bytes(std::span(name.c_str(), name.size() + 1))));
  return name.size() + 1;
}

base::Result<void> SysMkdir(Task& task, UserCString path, uint32_t mode) {
  return SysMkdirat(task, base::Fd(AT_FDCWD), path, mode);
}

base::Result<void> SysMkdirat(Task& task, base::Fd directory, UserCString path, uint32_t mode) {
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name));
  // The sticky bit counts, set-id bits do not (mkdir(2)).
  return vfs::MakeDirectory(task, start, name, mode & 01777 & ~task.fs().umask());
}

base::Result<void> SysRmdir(Task& task, UserCString path) {
  std::string name = TRY(ReadPath(task, path));
  return vfs::RemoveDirectory(task, StartAtCwd(task), name);
}

base::Result<uint64_t> SysGetdents(Task& task, base::Fd fd, base::GuestAddr buffer, uint32_t size) {
  return GetDirectoryEntries(task, fd, buffer, size, false);
}

base::Result<uint64_t> SysGetdents64(Task& task, base::Fd fd, base::GuestAddr buffer, uint32_t size) {
  return GetDirectoryEntries(task, fd, buffer, size, true);
}

base::Result<uint32_t> SysUmask(Task& task, uint32_t mask) { return task.fs().set_umask(mask); }

}  // namespace syscalls
