// SPDX-License-Identifier: Apache-2.0
#include "vfs/inode.h"

#include <sys/stat.h>

#include <utility>

#include "base/log.h"
#include "vfs/dentry.h"
#include "vfs/permission.h"

namespace vfs {
namespace {

constinit base::LockClass kAttachmentLock{"Inode::attachment_"};
std::atomic<uint32_t> next_device_minor{1};

bool HasAttachment(uint32_t type) { return type == S_IFIFO || type == S_IFSOCK; }

}  // namespace

Inode::Inode(base::RefPtr<Filesystem> filesystem, uint32_t type)
    : filesystem_(std::move(filesystem)),
      type_(type & S_IFMT),
      attachment_(HasAttachment(type_)
                      ? std::make_unique<base::Guarded<base::RefPtr<base::RefCounted>>>(kAttachmentLock)
                      : nullptr) {}

Inode::~Inode() = default;

bool Inode::is_directory() const { return type_ == S_IFDIR; }
bool Inode::is_symlink() const { return type_ == S_IFLNK; }
bool Inode::is_regular() const { return type_ == S_IFREG; }

base::Result<Ownership> Inode::GetOwnership(Context& context) {
  Attributes attributes = TRY(Stat(context));
  return Ownership{attributes.mode, attributes.uid, attributes.gid};
}

base::Result<void> Inode::CheckPermission(Context& context, unsigned access) {
  return CheckAccess(context.credentials(), TRY(GetOwnership(context)), access);
}

base::Result<base::RefPtr<Inode>> Inode::Lookup(Context&, std::string_view) {
  return base::Errno(is_directory() ? ENOENT : ENOTDIR);
}

// What Linux answers for directories whose filesystem lacks the operation.
base::Result<base::RefPtr<Inode>> Inode::Create(Context&, std::string_view, const CreateOptions& options) {
  if (!is_directory()) return base::Errno(ENOTDIR);
  return base::Errno((options.mode & S_IFMT) == S_IFREG ? EACCES : EPERM);
}
base::Result<base::RefPtr<Inode>> Inode::Symlink(Context&, std::string_view, std::string_view, const CreateOptions&) {
  return base::Errno(is_directory() ? EPERM : ENOTDIR);
}
base::Result<base::RefPtr<Inode>> Inode::CreateUnnamed(Context&, const CreateOptions&) {
  return base::Errno(is_directory() ? EOPNOTSUPP : ENOTDIR);
}
base::Result<void> Inode::Link(Context&, std::string_view, Inode&) {
  return base::Errno(is_directory() ? EPERM : ENOTDIR);
}
base::Result<void> Inode::Unlink(Context&, std::string_view, Inode&) {
  return base::Errno(is_directory() ? EPERM : ENOTDIR);
}
base::Result<void> Inode::RemoveDirectory(Context&, std::string_view, Inode&) {
  return base::Errno(is_directory() ? EPERM : ENOTDIR);
}
base::Result<void> Inode::Rename(Context&, std::string_view, Inode&, Inode&, std::string_view, Inode*, unsigned) {
  return base::Errno(is_directory() ? EPERM : ENOTDIR);
}

base::Result<void> Inode::ListNames(Context&, DirectorySink&) {
  return base::Errno(is_directory() ? EOPNOTSUPP : ENOTDIR);
}

base::Result<std::string> Inode::ReadLink(Context&) { return base::Errno(EINVAL); }
base::Result<Path> Inode::FollowMagicLink(Context&) { return Path(); }

base::Result<std::string> Inode::GetXattr(Context&, std::string_view) { return base::Errno(EOPNOTSUPP); }
base::Result<void> Inode::SetXattr(Context&, std::string_view, std::string_view, int) {
  return base::Errno(EOPNOTSUPP);
}
base::Result<std::vector<std::string>> Inode::ListXattr(Context&) { return std::vector<std::string>(); }
base::Result<void> Inode::RemoveXattr(Context&, std::string_view) { return base::Errno(EOPNOTSUPP); }

base::Result<void> Inode::AddWriter() {
  int32_t count = writers_.load(std::memory_order_relaxed);
  do {
    if (count < 0) return base::Errno(ETXTBSY);
  } while (!writers_.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel));
  return {};
}

void Inode::RemoveWriter() {
  int32_t before = writers_.fetch_sub(1, std::memory_order_acq_rel);
  CHECK_INVARIANT(before > 0);
}

base::Result<void> Inode::DenyWriters() {
  int32_t count = writers_.load(std::memory_order_relaxed);
  do {
    if (count > 0) return base::Errno(ETXTBSY);
  } while (!writers_.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel));
  return {};
}

void Inode::AllowWriters() {
  int32_t before = writers_.fetch_add(1, std::memory_order_acq_rel);
  CHECK_INVARIANT(before < 0);
}

constinit base::LockClass Filesystem::kRenameLock{"Filesystem::rename_mutex_"};

Filesystem::Filesystem()
    : dentry_cache_(std::make_unique<DentryCache>()),
      device_minor_(next_device_minor.fetch_add(1, std::memory_order_relaxed)) {}

Filesystem::~Filesystem() = default;

base::Result<void> Filesystem::SetReadOnly(bool read_only) {
  bool before = read_only_.exchange(read_only, std::memory_order_seq_cst);
  if (read_only && !before && writers_.load(std::memory_order_seq_cst) != 0) {
    read_only_.store(false, std::memory_order_relaxed);
    return base::Errno(EBUSY);
  }
  return {};
}

}  // namespace vfs
