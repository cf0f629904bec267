// SPDX-License-Identifier: Apache-2.0
// System V semaphores (semget(2), semop(2), semctl(2)).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "sentry/ipc/ipc_object.h"
#include "vfs/context.h"

namespace sentry {

// Thread-safe. Its lock is a leaf but for the wait queues'. Nothing here sleeps: who has to wait enters a Wait, waits
// on its queue and tries again.
class SemaphoreSets {
 public:
  class Set;

  // What adjustments at the end of a process (SEM_UNDO) are kept for: its thread group. Never dereferenced.
  using UndoOwner = const void*;

  SemaphoreSets();
  ~SemaphoreSets();

  // semget(2). EACCES, EEXIST, EINVAL, ENOENT, ENOSPC.
  base::Result<int32_t> Get(vfs::Context& context, int32_t key, int32_t count, int32_t flags);

  // One semop that may wait. Told in semncnt and semzcnt while it exists and `blocked` is set.
  class Wait {
   public:
    ~Wait();
    base::WaitQueue& queue();

   private:
    friend class SemaphoreSets;
    Wait(SemaphoreSets& sets, base::RefPtr<Set> set);
    SemaphoreSets& sets_;
    const base::RefPtr<Set> set_;
    // Guarded by SemaphoreSets::mutex_.
    int blocked_on_ = -1;
    bool for_zero_ = false;
  };
  // EACCES, EFBIG, EINVAL.
  base::Result<std::unique_ptr<Wait>> Begin(vfs::Context& context, int32_t id,
                                            std::span<const base::abi::SemOperation> operations);
  // Performs all operations or none. True: done; false: it has to wait. EAGAIN (IPC_NOWAIT), EIDRM, ENOMEM, ERANGE.
  base::Result<bool> Try(vfs::Context& context, Wait& wait, std::span<const base::abi::SemOperation> operations,
                         UndoOwner owner);

  // A process ends: what it asked to be undone is.
  void Undo(UndoOwner owner, int32_t pid);

  // semctl(2), in the order of its page. EACCES, EFBIG, EINVAL, EPERM, ERANGE.
  base::Result<base::abi::SemidDs> Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                          int32_t* id) const;
  base::Result<void> SetPermission(vfs::Context& context, int32_t id, const base::abi::IpcPermission& permission);
  base::Result<void> Remove(vfs::Context& context, int32_t id);
  // GETVAL, GETPID, GETNCNT, GETZCNT.
  base::Result<int32_t> Value(vfs::Context& context, int32_t id, int32_t number, int32_t command) const;
  base::Result<std::vector<uint16_t>> Values(vfs::Context& context, int32_t id) const;
  base::Result<void> SetValue(vfs::Context& context, int32_t id, int32_t number, int32_t value);
  // How many values SetValues takes.
  base::Result<size_t> Count(vfs::Context& context, int32_t id) const;
  base::Result<void> SetValues(vfs::Context& context, int32_t id, std::span<const uint16_t> values);
  // IPC_INFO, SEM_INFO: the highest index in use.
  int32_t Info(int32_t* sets, int32_t* semaphores) const;
  // The table of /proc/sysvipc/sem, without its head.
  std::string Table() const;

 private:
  Set* FindLocked(int32_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<Set*> FindForReading(vfs::Context& context, int32_t id, uint32_t access) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  IpcIds ids_ ABSL_GUARDED_BY(mutex_);
  size_t all_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<size_t> adjustments_{0};  // Of all sets: while it is 0 nobody looks for his.
};

}  // namespace sentry
