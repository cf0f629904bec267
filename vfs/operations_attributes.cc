// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "vfs/operations_common.h"

namespace vfs {
namespace {

constexpr uint32_t kPermissions = 07777;

// A changed size in a change of attributes, with what else it changes.
base::Result<void> SetSizeOf(Context& context, Inode& inode, const Ownership& ownership, uint64_t size) {
  AttributeChange change;
  change.size = size;
  uint32_t mode = ModeAfterWrite(context.credentials(), ownership);
  if (mode != ownership.mode) change.permissions = mode & kPermissions;
  return inode.SetAttributes(context, change);
}

}  // namespace

base::Result<void> ApplyMode(Context& context, Inode& inode, const Ownership& ownership, AttributeChange& change,
                             uint32_t mode) {
  const Credentials& credentials = context.credentials();
  if (!IsOwnerOrCapable(credentials, ownership)) return base::Errno(EPERM);
  if (!credentials.InGroup(change.gid.value_or(ownership.gid)) &&
      !HasCapabilityOver(credentials, ownership, kCapFsetid)) {
    mode &= ~static_cast<uint32_t>(S_ISGID);
  }
  change.permissions = mode & kPermissions;
  return inode.SetAttributes(context, change);
}

base::Result<void> SetSize(Context& context, Inode& inode, uint64_t size) {
  Ownership ownership = TRY(inode.GetOwnership(context));
  return SetSizeOf(context, inode, ownership, size);
}

base::Result<void> ChangeMode(Context& context, const Path& path, uint32_t mode) {
  TRY(WantWrite(path));
  Inode& inode = *path.dentry->inode();
  if (inode.is_symlink()) return base::Errno(EOPNOTSUPP);
  Ownership ownership = TRY(inode.GetOwnership(context));
  AttributeChange change;
  TRY(ApplyMode(context, inode, ownership, change, mode));
  NotifyPath(path, IN_ATTRIB);
  return {};
}

base::Result<void> ChangeOwner(Context& context, const Path& path, std::optional<base::KUid> uid,
                               std::optional<base::KGid> gid) {
  TRY(WantWrite(path));
  Inode& inode = *path.dentry->inode();
  const Credentials& credentials = context.credentials();
  Ownership ownership = TRY(inode.GetOwnership(context));
  bool owner = credentials.fsuid == ownership.uid;
  bool may_chown = HasCapabilityOver(credentials, ownership, kCapChown);
  if (uid.has_value() && !(owner && *uid == ownership.uid) && !may_chown) return base::Errno(EPERM);
  if (gid.has_value() && !(owner && (*gid == ownership.gid || credentials.InGroup(*gid))) && !may_chown) {
    return base::Errno(EPERM);
  }
  AttributeChange change;
  change.uid = uid;
  change.gid = gid;
  uint32_t mode = inode.is_directory() ? ownership.mode : ModeAfterChown(credentials, ownership);
  if (mode != ownership.mode) {
    TRY(ApplyMode(context, inode, ownership, change, mode));
  } else {
    TRY(inode.SetAttributes(context, change));
  }
  NotifyPath(path, IN_ATTRIB);
  return {};
}

base::Result<void> Truncate(Context& context, const Path& path, int64_t size) {
  if (size < 0) return base::Errno(EINVAL);
  Inode& inode = *path.dentry->inode();
  if (inode.is_directory()) return base::Errno(EISDIR);
  if (!inode.is_regular()) return base::Errno(EINVAL);
  TRY(WantWrite(path));
  TRY(CheckPermission(context, inode, kMayWrite));
  TRY(inode.AddWriter());
  base::Result<void> result = [&]() -> base::Result<void> {
    Attributes attributes = TRY(inode.Stat(context));
    auto wanted = static_cast<uint64_t>(size);
    if (wanted > attributes.size && wanted > context.file_size_limit()) return base::Errno(EFBIG);
    return SetSizeOf(context, inode, {attributes.mode, attributes.uid, attributes.gid}, wanted);
  }();
  inode.RemoveWriter();
  if (result.ok()) NotifyPath(path, IN_MODIFY);
  return result;
}

base::Result<void> TruncateDescription(Context& context, FileDescription& description, int64_t size) {
  if (size < 0) return base::Errno(EINVAL);
  Inode& inode = description.inode();
  if (!inode.is_regular() || !description.writable()) return base::Errno(EINVAL);
  Attributes attributes = TRY(description.Stat(context));
  auto wanted = static_cast<uint64_t>(size);
  if (wanted > attributes.size && wanted > context.file_size_limit()) return base::Errno(EFBIG);
  AttributeChange change;
  change.size = wanted;
  uint32_t mode = ModeAfterWrite(context.credentials(), {attributes.mode, attributes.uid, attributes.gid});
  if (mode != attributes.mode) change.permissions = mode & kPermissions;
  TRY(description.SetAttributes(context, change));
  NotifyPath(description.path(), IN_MODIFY);
  return {};
}

base::Result<void> SetTimes(Context& context, const Path& path, const TimeChange& access, const TimeChange& modify) {
  using Kind = TimeChange::Kind;
  if (access.kind == Kind::kOmit && modify.kind == Kind::kOmit) return {};
  TRY(WantWrite(path));
  Inode& inode = *path.dentry->inode();
  Ownership ownership = TRY(inode.GetOwnership(context));
  if (!IsOwnerOrCapable(context.credentials(), ownership)) {
    if (access.kind != Kind::kNow || modify.kind != Kind::kNow) return base::Errno(EPERM);
    TRY(CheckPermission(context, inode, kMayWrite));
  }
  Timestamp now = Timestamp::FromNanoseconds(context.RealtimeNow());
  AttributeChange change;
  if (access.kind != Kind::kOmit) change.access_time = access.kind == Kind::kNow ? now : access.time;
  if (modify.kind != Kind::kOmit) change.modify_time = modify.kind == Kind::kNow ? now : modify.time;
  TRY(inode.SetAttributes(context, change));
  uint32_t event = IN_ATTRIB;
  if (access.kind == Kind::kOmit) event = IN_MODIFY;
  if (modify.kind == Kind::kOmit) event = IN_ACCESS;
  NotifyPath(path, event);
  return {};
}

}  // namespace vfs
