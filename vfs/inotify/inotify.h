// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/inode.h"

namespace vfs {

// An inotify instance (inotify(7)): watches on inodes, and a queue of what happened to them. Thread-safe.
// Lock order: the table of watches, then an instance's queue; both leaves to everybody else.
class Inotify : public FileDescription {
 public:
  static constexpr size_t kMostEvents = 16384;     // fs.inotify.max_queued_events
  static constexpr uint64_t kMostWatches = 65536;  // fs.inotify.max_user_watches, of the whole sandbox

  // `flags`: O_NONBLOCK.
  static base::RefPtr<Inotify> Create(Context& context, int flags);

  FileKind kind() const override { return FileKind::kInotify; }
  // inotify_add_watch(2); the mask's bits are known, the inode may be read. EEXIST, ENOSPC.
  base::Result<int32_t> AddWatch(base::RefPtr<Inode> inode, uint32_t mask);
  // inotify_rm_watch(2). EINVAL.
  base::Result<void> RemoveWatch(int32_t descriptor);

  base::Result<size_t> TryRead(Context& context, IoSequence& to) override;
  base::EventMask Readiness() override;
  base::WaitQueue* wait_queue() const override { return &wait_queue_; }
  base::Result<uint64_t> Ioctl(Context& context, uint32_t request, uint64_t argument) override;
  std::string Details() override;

 protected:
  void LastReferenceGone() override;

 private:
  friend class InotifyTable;
  struct Watch {
    Inotify* owner;
    int32_t descriptor;
    uint32_t mask;
    base::RefPtr<Inode> inode;
  };
  struct Event {
    int32_t descriptor = 0;
    uint32_t mask = 0;
    uint32_t cookie = 0;
    std::string name;
    friend bool operator==(const Event&, const Event&) = default;
    size_t size() const;
  };

  Inotify(Path path, int flags);
  void Queue(Event event);

  mutable base::WaitQueue wait_queue_;
  // Guarded by the table's lock.
  std::map<int32_t, std::unique_ptr<Watch>> watches_;
  int32_t next_descriptor_ = 1;

  static base::LockClass kQueueLock;
  base::Mutex queue_mutex_;
  std::deque<Event> queue_ ABSL_GUARDED_BY(queue_mutex_);
};

}  // namespace vfs
