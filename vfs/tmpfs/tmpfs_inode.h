// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/file_description.h"
#include "vfs/inode.h"
#include "vfs/tmpfs/tmpfs.h"
#include "vfs/xattr_map.h"

namespace vfs {

// What all inodes of a tmpfs have: attributes and extended attributes. No two inodes' locks are ever held together.
class TmpfsInode : public Inode {
 public:
  base::Result<Attributes> Stat(Context& context) override;
  base::Result<Ownership> GetOwnership(Context&) override { return ownership(); }
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  base::Result<std::string> GetXattr(Context& context, std::string_view name) override;
  base::Result<void> SetXattr(Context& context, std::string_view name, std::string_view value, int flags) override;
  base::Result<std::vector<std::string>> ListXattr(Context& context) override;
  base::Result<void> RemoveXattr(Context& context, std::string_view name) override;

  Ownership ownership() const;
  uint64_t number() const { return number_; }
  uint32_t links() const;
  // A name came or went: the link count, and the change time.
  void ChangeLinks(int by, int64_t now);
  void Changed(int64_t now);
  // It was read: relatime's rule, unless the mount or the description says not to.
  void Accessed(Context& context, const FileDescription& description);

 protected:
  TmpfsInode(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now);
  ~TmpfsInode() override;

  Tmpfs& tmpfs() const { return *static_cast<Tmpfs*>(&filesystem()); }
  // The parts of Stat and SetAttributes that depend on the kind of inode.
  virtual void FillSize(Attributes& attributes) = 0;
  virtual base::Result<void> SetSize(uint64_t size);
  // Contents (of a directory: names) changed.
  void Modified(int64_t now);
  // Set-id bits and file capabilities do not survive a write (file_remove_privs of Linux).
  void RemovePrivileges(Context& context);

  mutable base::Mutex mutex_;

 private:
  static base::LockClass kLock;

  const uint64_t number_;
  // Written under mutex_.
  std::atomic<uint32_t> mode_, uid_, gid_;
  std::atomic<bool> has_xattrs_{false};
  uint32_t links_ ABSL_GUARDED_BY(mutex_);
  Timestamp access_time_ ABSL_GUARDED_BY(mutex_), modify_time_ ABSL_GUARDED_BY(mutex_),
      change_time_ ABSL_GUARDED_BY(mutex_);
  const Timestamp birth_time_;
  std::unique_ptr<XattrMap> xattrs_ ABSL_GUARDED_BY(mutex_);
};

class TmpfsSymlink : public TmpfsInode {
 public:
  TmpfsSymlink(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now, std::string_view target)
      : TmpfsInode(std::move(tmpfs), options, now), target_(target) {}
  base::Result<std::string> ReadLink(Context&) override { return target_; }
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

 protected:
  void FillSize(Attributes& attributes) override { attributes.size = target_.size(); }

 private:
  const std::string target_;
};

// A FIFO, socket or device node.
class TmpfsSpecial : public TmpfsInode {
 public:
  TmpfsSpecial(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now)
      : TmpfsInode(std::move(tmpfs), options, now),
        rdevice_major_(options.rdevice_major),
        rdevice_minor_(options.rdevice_minor) {}
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

 protected:
  void FillSize(Attributes& attributes) override;

 private:
  const uint32_t rdevice_major_, rdevice_minor_;
};

}  // namespace vfs
