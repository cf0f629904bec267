// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_xattr.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sentry/mm/memory_manager.h"
#include "vfs/dentry.h"
#include "vfs/file_description.h"
#include "vfs/operations.h"

namespace syscalls {
namespace {

// linux/limits.h
constexpr uint64_t kXattrSizeMax = 64 * 1024;
constexpr uint64_t kXattrListMax = 64 * 1024;

// A name argument: EFAULT; ERANGE when empty or longer than names are.
base::Result<std::string> ReadName(Task& task, UserCString from) {
  base::Result<std::string> name = from.Read(task.memory().memory(), vfs::kNameMax + 1);
  if (!name.ok()) return name.error().code() == ENAMETOOLONG ? base::Errno(ERANGE) : name.error();
  if (name->empty()) return base::Errno(ERANGE);
  return name;
}

base::Result<vfs::Path> ByName(Task& task, UserCString path, bool follow) {
  return ResolveAt(task, base::Fd(AT_FDCWD), path, follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

base::Result<vfs::Path> ByDescriptor(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  return file->path();
}

// What a call that sets reads before it looks at the file.
struct NewValue {
  std::string name;
  std::string value;
  int flags = 0;
};

base::Result<NewValue> ReadValue(Task& task, UserCString name, base::GuestAddr value, uint64_t size, int32_t flags) {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return base::Errno(EINVAL);
  NewValue read{.name = TRY(ReadName(task, name)), .value = {}, .flags = flags};
  if (size > kXattrSizeMax) return base::Errno(E2BIG);
  read.value.resize(size);
  TRY(task.user_memory().CopyIn(value, std::as_writable_bytes(std::span(read.value))));
  return read;
}

// Copies out what fits: ERANGE when it does not; a size of 0 only asks for the length. `most`: E2BIG.
base::Result<uint64_t> Deliver(Task& task, const std::string& bytes, base::GuestAddr to, uint64_t size, uint64_t most) {
  if (size == 0) return bytes.size();
  if (bytes.size() > size) return base::Errno(size >= most ? E2BIG : ERANGE);
  TRY(task.user_memory().CopyOut(to, std::as_bytes(std::span(bytes))));
  return bytes.size();
}

base::Result<uint64_t> Get(Task& task, base::Result<vfs::Path> path, const std::string& name, base::GuestAddr value,
                           uint64_t size) {
  std::string bytes = TRY(vfs::GetXattr(task, TRY(std::move(path)), name));
  return Deliver(task, bytes, value, std::min(size, kXattrSizeMax), kXattrSizeMax);
}

base::Result<uint64_t> List(Task& task, base::Result<vfs::Path> path, base::GuestAddr list, uint64_t size) {
  std::string bytes;
  for (const std::string& name : TRY(vfs::ListXattr(task, TRY(std::move(path))))) bytes.append(name).push_back('\0');
  return Deliver(task, bytes, list, std::min(size, kXattrListMax), kXattrListMax);
}

}  // namespace

base::Result<void> SysSetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value, uint64_t size,
                               int32_t flags) {
  NewValue read = TRY(ReadValue(task, name, value, size, flags));
  return vfs::SetXattr(task, TRY(ByName(task, path, true)), read.name, read.value, read.flags);
}

base::Result<void> SysLsetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value, uint64_t size,
                                int32_t flags) {
  NewValue read = TRY(ReadValue(task, name, value, size, flags));
  return vfs::SetXattr(task, TRY(ByName(task, path, false)), read.name, read.value, read.flags);
}

base::Result<void> SysFsetxattr(Task& task, base::Fd fd, UserCString name, base::GuestAddr value, uint64_t size,
                                int32_t flags) {
  NewValue read = TRY(ReadValue(task, name, value, size, flags));
  return vfs::SetXattr(task, TRY(ByDescriptor(task, fd)), read.name, read.value, read.flags);
}

base::Result<uint64_t> SysGetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value,
                                   uint64_t size) {
  std::string read = TRY(ReadName(task, name));
  return Get(task, ByName(task, path, true), read, value, size);
}

base::Result<uint64_t> SysLgetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value,
                                    uint64_t size) {
  std::string read = TRY(ReadName(task, name));
  return Get(task, ByName(task, path, false), read, value, size);
}

base::Result<uint64_t> SysFgetxattr(Task& task, base::Fd fd, UserCString name, base::GuestAddr value, uint64_t size) {
  std::string read = TRY(ReadName(task, name));
  return Get(task, ByDescriptor(task, fd), read, value, size);
}

base::Result<uint64_t> SysListxattr(Task& task, UserCString path, base::GuestAddr list, uint64_t size) {
  return List(task, ByName(task, path, true), list, size);
}

base::Result<uint64_t> SysLlistxattr(Task& task, UserCString path, base::GuestAddr list, uint64_t size) {
  return List(task, ByName(task, path, false), list, size);
}

base::Result<uint64_t> SysFlistxattr(Task& task, base::Fd fd, base::GuestAddr list, uint64_t size) {
  return List(task, ByDescriptor(task, fd), list, size);
}

base::Result<void> SysRemovexattr(Task& task, UserCString path, UserCString name) {
  std::string read = TRY(ReadName(task, name));
  return vfs::RemoveXattr(task, TRY(ByName(task, path, true)), read);
}

base::Result<void> SysLremovexattr(Task& task, UserCString path, UserCString name) {
  std::string read = TRY(ReadName(task, name));
  return vfs::RemoveXattr(task, TRY(ByName(task, path, false)), read);
}

base::Result<void> SysFremovexattr(Task& task, base::Fd fd, UserCString name) {
  std::string read = TRY(ReadName(task, name));
  return vfs::RemoveXattr(task, TRY(ByDescriptor(task, fd)), read);
}

}  // namespace syscalls
