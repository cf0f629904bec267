// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "vfs/file_description.h"

namespace sentry {

// The descriptors of a process (or of tasks that share them by CLONE_FILES), and the owner of its record locks.
// Thread-safe. Closing calls the description's Flush, gives up the record locks on the file, and drops the reference
// outside the lock.
class FdTable : public base::RefCounted {
 public:
  FdTable() : mutex_(kLock) {}
  ~FdTable() override;

  // Before the first record lock is taken in its name.
  void set_owns_locks() { owns_locks_.store(true, std::memory_order_relaxed); }

  // The highest number + 1 Linux allows by default (fs.nr_open).
  static constexpr int kMaxDescriptors = 1 << 20;

  // EBADF.
  base::Result<base::RefPtr<vfs::FileDescription>> Get(base::Fd fd) const;
  base::Result<bool> CloseOnExec(base::Fd fd) const;
  base::Result<void> SetCloseOnExec(base::Fd fd, bool close_on_exec);

  // Installs at the lowest free number >= `minimum`. EMFILE when that is not below `limit` (RLIMIT_NOFILE); EINVAL when
  // `minimum` is not.
  base::Result<base::Fd> Install(base::RefPtr<vfs::FileDescription> file, bool close_on_exec, uint64_t limit,
                                 int minimum = 0);
  // dup2(2)/dup3(2): installs at `fd`, closing what was there. EBADF when fd is not below `limit`.
  base::Result<void> InstallAt(vfs::Context& context, base::Fd fd, base::RefPtr<vfs::FileDescription> file,
                               bool close_on_exec, uint64_t limit);
  // EBADF, or what Flush says; the number is free in any case.
  base::Result<void> Close(vfs::Context& context, base::Fd fd);
  // close_range(2), both ends included; `cloexec_only` marks instead of closing.
  void CloseRange(vfs::Context& context, uint32_t first, uint32_t last, bool cloexec_only);
  void CloseOnExecAll(vfs::Context& context);
  void CloseAll(vfs::Context& context);

  // A private copy (fork, unshare, exec of a shared table).
  base::RefPtr<FdTable> Copy() const;
  // Calls `visit(fd, file, close_on_exec)` for every open number in ascending order, on a snapshot.
  void ForEach(const std::function<void(base::Fd, vfs::FileDescription&, bool)>& visit) const;
  int open_count() const;

 private:
  base::Result<void> Closed(vfs::Context& context, vfs::FileDescription& file);

  struct Entry {
    base::RefPtr<vfs::FileDescription> file;
    bool close_on_exec = false;
  };
  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> owns_locks_{false};
  int first_free_ ABSL_GUARDED_BY(mutex_) = 0;  // No free number is below it.
};

}  // namespace sentry
