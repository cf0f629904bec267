// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mutex.h"
#include "base/ref.h"
#include "vfs/path.h"

namespace sentry {

// Root directory, working directory and umask; shared with CLONE_FS. Linux analogue: fs_struct. Thread-safe.
class FsContext : public base::RefCounted {
 public:
  FsContext(vfs::Path root, vfs::Path cwd, uint32_t umask) : mutex_(kLock), root_(root), cwd_(cwd), umask_(umask) {}

  vfs::Path root() const {
    base::MutexLock lock(mutex_);
    return root_;
  }
  vfs::Path cwd() const {
    base::MutexLock lock(mutex_);
    return cwd_;
  }
  uint32_t umask() const {
    base::MutexLock lock(mutex_);
    return umask_;
  }
  void set_root(vfs::Path path) {
    base::MutexLock lock(mutex_);
    std::swap(root_, path);
  }
  void set_cwd(vfs::Path path) {
    base::MutexLock lock(mutex_);
    std::swap(cwd_, path);
  }
  // Returns the old mask.
  uint32_t set_umask(uint32_t mask) {
    base::MutexLock lock(mutex_);
    return std::exchange(umask_, mask & 0777);
  }
  base::RefPtr<FsContext> Copy() const {
    base::MutexLock lock(mutex_);
    return base::MakeRef<FsContext>(root_, cwd_, umask_);
  }

 private:
  static inline constinit base::LockClass kLock{"FsContext::mutex_"};
  mutable base::Mutex mutex_;
  vfs::Path root_ ABSL_GUARDED_BY(mutex_);
  vfs::Path cwd_ ABSL_GUARDED_BY(mutex_);
  uint32_t umask_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sentry
