// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/tmpfs_inode.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "vfs/device.h"
#include "vfs/mount.h"
#include "vfs/permission.h"

namespace vfs {
namespace {

constexpr std::string_view kFileCapabilities = "security.capability";
constexpr int64_t kDaySeconds = 24 * 60 * 60;

}  // namespace

constinit base::LockClass TmpfsInode::kLock{"TmpfsInode::mutex_"};

TmpfsInode::TmpfsInode(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now)
    : Inode(tmpfs, options.mode),
      mutex_(kLock),
      number_(tmpfs->NextInodeNumber()),
      mode_(options.mode),
      uid_(options.uid.value()),
      gid_(options.gid.value()),
      links_(is_directory() ? 2 : 1),
      access_time_(Timestamp::FromNanoseconds(now)),
      modify_time_(access_time_),
      change_time_(access_time_),
      birth_time_(access_time_) {}

TmpfsInode::~TmpfsInode() { tmpfs().UnchargeInode(); }

Ownership TmpfsInode::ownership() const {
  return {mode_.load(std::memory_order_relaxed), base::KUid(uid_.load(std::memory_order_relaxed)),
          base::KGid(gid_.load(std::memory_order_relaxed))};
}

base::Result<Attributes> TmpfsInode::Stat(Context&) {
  Attributes attributes;
  FillSize(attributes);
  base::MutexLock lock(mutex_);
  Ownership ownership = this->ownership();
  attributes.inode = number_;
  attributes.mode = ownership.mode;
  attributes.uid = ownership.uid;
  attributes.gid = ownership.gid;
  attributes.links = links_;
  attributes.access_time = access_time_;
  attributes.modify_time = modify_time_;
  attributes.change_time = change_time_;
  attributes.birth_time = birth_time_;
  return attributes;
}

base::Result<void> TmpfsInode::SetSize(uint64_t) { return base::Errno(EINVAL); }

base::Result<void> TmpfsInode::SetAttributes(Context& context, const AttributeChange& change) {
  if (change.size.has_value()) TRY(SetSize(*change.size));
  Timestamp now = Timestamp::FromNanoseconds(context.RealtimeNow());
  base::MutexLock lock(mutex_);
  if (change.permissions.has_value()) {
    mode_.store((mode_.load(std::memory_order_relaxed) & S_IFMT) | (*change.permissions & 07777),
                std::memory_order_relaxed);
  }
  if (change.uid.has_value()) uid_.store(change.uid->value(), std::memory_order_relaxed);
  if (change.gid.has_value()) gid_.store(change.gid->value(), std::memory_order_relaxed);
  if ((change.uid.has_value() || change.gid.has_value() || change.size.has_value()) && xattrs_ != nullptr) {
    (void)xattrs_->Remove(kFileCapabilities);
  }
  if (change.access_time.has_value()) access_time_ = *change.access_time;
  if (change.modify_time.has_value()) {
    modify_time_ = *change.modify_time;
  } else if (change.size.has_value()) {
    modify_time_ = now;
  }
  change_time_ = now;
  return {};
}

uint32_t TmpfsInode::links() const {
  base::MutexLock lock(mutex_);
  return links_;
}

void TmpfsInode::ChangeLinks(int by, int64_t now) {
  base::MutexLock lock(mutex_);
  links_ += static_cast<uint32_t>(by);
  change_time_ = Timestamp::FromNanoseconds(now);
}

void TmpfsInode::Changed(int64_t now) { ChangeLinks(0, now); }

void TmpfsInode::Modified(int64_t now) {
  base::MutexLock lock(mutex_);
  modify_time_ = change_time_ = Timestamp::FromNanoseconds(now);
}

void TmpfsInode::Accessed(Context& context, const FileDescription& description) {
  unsigned mount = description.path().mount->flags();
  if ((mount & kMountNoAtime) != 0 || (description.flags() & O_NOATIME) != 0) return;
  if (is_directory() && (mount & kMountNoDirAtime) != 0) return;
  if (description.path().mount->read_only()) return;
  Timestamp now = Timestamp::FromNanoseconds(context.RealtimeNow());
  base::MutexLock lock(mutex_);
  if ((mount & kMountRelatime) != 0 && access_time_ > modify_time_ && access_time_ > change_time_ &&
      now.seconds - access_time_.seconds < kDaySeconds) {
    return;
  }
  access_time_ = now;
}

void TmpfsInode::RemovePrivileges(Context& context) {
  Ownership ownership = this->ownership();
  bool xattrs = has_xattrs_.load(std::memory_order_relaxed);
  if ((ownership.mode & (S_ISUID | S_ISGID)) == 0 && !xattrs) return;
  base::MutexLock lock(mutex_);
  mode_.store(ModeAfterWrite(context.credentials(), ownership), std::memory_order_relaxed);
  if (xattrs_ != nullptr) (void)xattrs_->Remove(kFileCapabilities);
}

base::Result<std::string> TmpfsInode::GetXattr(Context&, std::string_view name) {
  TRY(XattrMap::CheckPrefix(name));
  base::MutexLock lock(mutex_);
  if (xattrs_ == nullptr) return base::Errno(ENODATA);
  return xattrs_->Get(name);
}

base::Result<void> TmpfsInode::SetXattr(Context& context, std::string_view name, std::string_view value, int flags) {
  TRY(XattrMap::CheckPrefix(name));
  Timestamp now = Timestamp::FromNanoseconds(context.RealtimeNow());
  base::MutexLock lock(mutex_);
  if (xattrs_ == nullptr) xattrs_ = std::make_unique<XattrMap>();
  TRY(xattrs_->Set(name, value, flags));
  has_xattrs_.store(true, std::memory_order_relaxed);
  change_time_ = now;
  return {};
}

base::Result<std::vector<std::string>> TmpfsInode::ListXattr(Context&) {
  base::MutexLock lock(mutex_);
  if (xattrs_ == nullptr) return std::vector<std::string>();
  return xattrs_->List();
}

base::Result<void> TmpfsInode::RemoveXattr(Context& context, std::string_view name) {
  TRY(XattrMap::CheckPrefix(name));
  Timestamp now = Timestamp::FromNanoseconds(context.RealtimeNow());
  base::MutexLock lock(mutex_);
  if (xattrs_ == nullptr) return base::Errno(ENODATA);
  TRY(xattrs_->Remove(name));
  change_time_ = now;
  return {};
}

base::Result<base::RefPtr<FileDescription>> TmpfsSymlink::Open(Context&, const Path&, int) {
  return base::Errno(ELOOP);
}

void TmpfsSpecial::FillSize(Attributes& attributes) {
  attributes.rdevice_major = rdevice_major_;
  attributes.rdevice_minor = rdevice_minor_;
}

base::Result<base::RefPtr<FileDescription>> TmpfsSpecial::Open(Context& context, const Path& path, int flags) {
  return OpenSpecial(context, path, flags);
}

}  // namespace vfs
