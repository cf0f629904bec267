// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace vfs {

class EpollItem;

// What a guest registers and gets back; epoll_event without its layout.
struct EpollEvent {
  uint32_t events = 0;
  uint64_t data = 0;
};

// An epoll instance (epoll(7)). Items are keyed by description and number; they do not keep the description alive, and
// go with it (FileDescription tells, at its end). Thread-safe.
//
// Locks: LinksMutex (all items of all instances, and who watches what: epoll_ctl and the end of descriptions), then the
// queues' own; scan_mutex_ (one TryWait at a time; files are asked under it); ready_mutex_, a leaf taken by Notified.
class Epoll : public FileDescription {
 public:
  // Instances watching instances, at most so deep.
  static constexpr int kMaxNesting = 4;
  // epoll_create1(2).
  static base::RefPtr<Epoll> Create(Context& context);

  // epoll_ctl(2), with its errors: EEXIST, ENOENT, EPERM (`file` cannot be polled), EINVAL, ELOOP.
  base::Result<void> Add(base::RefPtr<FileDescription> file, int fd, EpollEvent event);
  base::Result<void> Modify(FileDescription& file, int fd, EpollEvent event);
  base::Result<void> Remove(FileDescription& file, int fd);

  // What is ready now, at most `events.size()` of it; 0: nothing, wait on wait_queue() for POLLIN. Counts as reported:
  // edge-triggered and one-shot items will not come again without cause.
  size_t TryWait(std::span<EpollEvent> events);
  // How many files it watches now.
  size_t size() const;

  FileKind kind() const override { return FileKind::kEpoll; }
  base::EventMask Readiness() override;
  base::WaitQueue* wait_queue() const override { return &wait_queue_; }
  std::string Details() override;

 protected:
  ~Epoll() override;
  void LastReferenceGone() override;

 private:
  friend class EpollItem;
  friend class FileDescription;
  struct Items;
  // What a check of the nesting has found out so far.
  struct Depths;

  explicit Epoll(Path path);
  static base::Mutex& LinksMutex();
  // The end of a description that is watched.
  static void Forget(FileDescription& file);

  base::Result<void> CheckNesting(Epoll& target) ABSL_EXCLUSIVE_LOCKS_REQUIRED(LinksMutex());
  static int DepthBelow(const Epoll& top, Depths& depths, int depth) ABSL_EXCLUSIVE_LOCKS_REQUIRED(LinksMutex());
  static int DepthAbove(const Epoll& bottom, Depths& depths, int depth) ABSL_EXCLUSIVE_LOCKS_REQUIRED(LinksMutex());
  // Takes the item off its file and out of the ready list.
  static void Unlink(EpollItem& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(LinksMutex());
  // Makes the item wanted by the next TryWait if its file is ready for it.
  void CheckNow(EpollItem& item, FileDescription& file);
  void Push(EpollItem& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(ready_mutex_);
  // The next candidate with a reference to its file, which may be null for one at its end. Null when there is none.
  struct Candidate {
    base::RefPtr<EpollItem> item;
    base::RefPtr<FileDescription> file;
    EpollEvent wanted;
  };
  Candidate Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(ready_mutex_);

  static base::LockClass kScanLock, kReadyLock;
  mutable base::WaitQueue wait_queue_;
  const std::unique_ptr<Items> items_;  // Guarded by LinksMutex.
  base::Mutex scan_mutex_;
  base::Mutex ready_mutex_;
  EpollItem* ready_head_ ABSL_GUARDED_BY(ready_mutex_) = nullptr;
  EpollItem* ready_tail_ ABSL_GUARDED_BY(ready_mutex_) = nullptr;
  size_t ready_count_ ABSL_GUARDED_BY(ready_mutex_) = 0;
};

}  // namespace vfs
