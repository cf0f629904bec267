// SPDX-License-Identifier: Apache-2.0
// System V shared memory (shmget(2), shmop(2), shmctl(2)).
//
// A segment is an unnamed file of the internal tmpfs; attaching is mapping it shared. Each shmat makes an open file
// description of its own, which the mapping (and copies of it that forks make) holds: with the last description of a
// removed segment the segment goes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/ipc/ipc_object.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace sentry {

// Thread-safe. Its lock is a leaf.
class SharedMemorySegments : public base::RefCounted {
 public:
  SharedMemorySegments();
  ~SharedMemorySegments() override;

  // shmget(2). EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC.
  base::Result<int32_t> Get(vfs::Context& context, int32_t key, uint64_t size, int32_t flags);

  // What shmat(2) maps, and how much of it. EACCES, EINVAL.
  struct Attachment {
    base::RefPtr<vfs::FileDescription> file;
    uint64_t size = 0;
  };
  base::Result<Attachment> Attach(vfs::Context& context, int32_t id, bool read_only, bool execute);
  // shmat or shmdt was successful: its times. `file`: as Attach gave it.
  void NoteAttached(vfs::Context& context, vfs::FileDescription& file);
  void NoteDetached(vfs::Context& context, vfs::FileDescription& file);
  // The id of the segment whose description this is (Attach), and its size; empty: it is none.
  struct Known {
    int32_t id = -1;
    uint64_t size = 0;
  };
  std::optional<Known> Identify(const vfs::FileDescription& file) const;

  // shmctl(2). `attachments`, which is asked without the lock, counts the mappings of a segment's file.
  using CountAttachments = std::function<uint64_t(const vfs::Inode&)>;
  // IPC_STAT; `by_index`: SHM_STAT. The id goes to `id`. EACCES (not when `any`), EINVAL.
  base::Result<base::abi::ShmidDs> Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                          const CountAttachments& attachments, int32_t* id) const;
  // IPC_SET, IPC_RMID, SHM_LOCK, SHM_UNLOCK. EINVAL, EPERM, EOVERFLOW.
  base::Result<void> Set(vfs::Context& context, int32_t id, const base::abi::IpcPermission& permission);
  base::Result<void> Remove(vfs::Context& context, int32_t id);
  base::Result<void> Lock(vfs::Context& context, int32_t id, bool lock);
  // IPC_INFO, SHM_INFO: the highest index in use.
  int32_t Info(base::abi::ShmUse* use) const;
  // The table of /proc/sysvipc/shm, without its head.
  std::string Table(const CountAttachments& attachments) const;

 private:
  class Segment;
  class File;
  Segment* FindLocked(int32_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A description of a segment is gone.
  void FileGone(base::RefPtr<Segment> segment);

  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  IpcIds ids_ ABSL_GUARDED_BY(mutex_);
  uint64_t pages_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sentry
