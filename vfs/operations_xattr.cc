// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>

#include <cstring>

#include "vfs/operations_common.h"

namespace vfs {
namespace {

constexpr std::string_view kUserPrefix = "user.";
constexpr std::string_view kTrustedPrefix = "trusted.";
constexpr std::string_view kSecurityPrefix = "security.";
constexpr std::string_view kSystemPrefix = "system.";
constexpr std::string_view kFileCapabilities = "security.capability";

// xattr_permission of Linux, and the capability modules' rules for security names.
base::Result<void> CheckXattr(Context& context, Inode& inode, std::string_view name, bool write) {
  const Credentials& credentials = context.credentials();
  if (name.starts_with(kSystemPrefix)) return {};
  if (name.starts_with(kSecurityPrefix)) {
    if (!write) return {};
    int needed = name == kFileCapabilities ? kCapSetfcap : kCapSysAdmin;
    Ownership ownership = TRY(inode.GetOwnership(context));
    if (!HasCapabilityOver(credentials, ownership, needed)) return base::Errno(EPERM);
    return {};
  }
  if (name.starts_with(kTrustedPrefix)) {
    if (!credentials.HasCapability(kCapSysAdmin)) return base::Errno(write ? EPERM : ENODATA);
    return {};
  }
  if (name.starts_with(kUserPrefix)) {
    if (!inode.is_regular() && !inode.is_directory()) return base::Errno(write ? EPERM : ENODATA);
    if (write && inode.is_directory()) {
      Ownership ownership = TRY(inode.GetOwnership(context));
      if ((ownership.mode & S_ISVTX) != 0 && !IsOwnerOrCapable(credentials, ownership)) return base::Errno(EPERM);
    }
  }
  return CheckPermission(context, inode, write ? kMayWrite : kMayRead);
}

// The value of a file capability: revision 2 or 3, of that revision's size (linux/capability.h).
bool IsCapabilityValue(std::string_view value) {
  uint32_t magic = 0;
  if (value.size() < sizeof(magic)) return false;
  memcpy(&magic, value.data(), sizeof(magic));
  switch (magic & VFS_CAP_REVISION_MASK) {
    case VFS_CAP_REVISION_2:
      return value.size() == XATTR_CAPS_SZ_2;
    case VFS_CAP_REVISION_3:
      return value.size() == XATTR_CAPS_SZ_3;
    default:
      return false;
  }
}

base::Result<void> CheckName(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return base::Errno(ERANGE);
  for (std::string_view prefix : {kUserPrefix, kTrustedPrefix, kSecurityPrefix, kSystemPrefix}) {
    if (name.starts_with(prefix)) return name.size() > prefix.size() ? base::Result<void>() : base::Errno(EINVAL);
  }
  return {};
}

}  // namespace

base::Result<std::string> GetXattr(Context& context, const Path& path, std::string_view name) {
  TRY(CheckName(name));
  Inode& inode = *path.dentry->inode();
  TRY(CheckXattr(context, inode, name, false));
  return inode.GetXattr(context, name);
}

base::Result<void> SetXattr(Context& context, const Path& path, std::string_view name, std::string_view value,
                            int flags) {
  TRY(CheckName(name));
  TRY(WantWrite(path));
  if (name == kFileCapabilities && !IsCapabilityValue(value)) return base::Errno(EINVAL);
  Inode& inode = *path.dentry->inode();
  TRY(CheckXattr(context, inode, name, true));
  TRY(inode.SetXattr(context, name, value, flags));
  NotifyPath(path, IN_ATTRIB);
  return {};
}

base::Result<std::vector<std::string>> ListXattr(Context& context, const Path& path) {
  std::vector<std::string> names = TRY(path.dentry->inode()->ListXattr(context));
  if (!context.credentials().HasCapability(kCapSysAdmin)) {
    std::erase_if(names, [](const std::string& name) { return name.starts_with(kTrustedPrefix); });
  }
  return names;
}

base::Result<void> RemoveXattr(Context& context, const Path& path, std::string_view name) {
  TRY(CheckName(name));
  TRY(WantWrite(path));
  Inode& inode = *path.dentry->inode();
  TRY(CheckXattr(context, inode, name, true));
  TRY(inode.RemoveXattr(context, name));
  NotifyPath(path, IN_ATTRIB);
  return {};
}

}  // namespace vfs
