// SPDX-License-Identifier: Apache-2.0
#include "vfs/eventfd/eventfd.h"

#include <fcntl.h>
#include <poll.h>

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "vfs/pseudo/anonymous.h"

namespace vfs {
namespace {

constinit base::LockClass kLock{"EventFd::mutex_"};
// The counter's largest value; one more is an error state nobody can reach here.
constexpr uint64_t kMaxCount = UINT64_MAX - 1;

class EventFd : public FileDescription {
 public:
  EventFd(Path path, int flags, uint64_t count, bool semaphore)
      : FileDescription(std::move(path), flags), semaphore_(semaphore), mutex_(kLock), count_(count) {}

  base::Result<size_t> TryRead(Context&, IoSequence& to) override {
    if (to.remaining() < sizeof(uint64_t)) return base::Errno(EINVAL);
    uint64_t value = 0;
    {
      base::MutexLock lock(mutex_);
      if (count_ == 0) return base::Errno(EAGAIN);
      value = semaphore_ ? 1 : count_;
      count_ -= value;
    }
    wait_queue_.Notify(POLLOUT);
    // As on Linux the value is gone even if the buffer turns out bad.
    size_t copied = TRY(to.CopyOut(std::as_bytes(std::span(&value, 1))));
    if (copied < sizeof(value)) return base::Errno(EFAULT);
    return sizeof(value);
  }

  // Does nothing, successfully.
  base::Result<int64_t> Seek(Context&, int64_t, int) override { return int64_t{0}; }

  base::Result<size_t> TryWrite(Context&, IoSequence& from) override {
    if (from.remaining() != sizeof(uint64_t)) return base::Errno(EINVAL);
    uint64_t value = 0;
    size_t copied = TRY(from.CopyIn(std::as_writable_bytes(std::span(&value, 1))));
    if (copied < sizeof(value)) return base::Errno(EFAULT);
    if (value == UINT64_MAX) return base::Errno(EINVAL);
    {
      base::MutexLock lock(mutex_);
      if (value > kMaxCount - count_) {
        from.Revert(sizeof(value));
        return base::Errno(EAGAIN);
      }
      count_ += value;
    }
    wait_queue_.Notify(POLLIN);
    return sizeof(value);
  }

  base::EventMask Readiness() override {
    base::MutexLock lock(mutex_);
    base::EventMask events = 0;
    if (count_ > 0) events |= POLLIN;
    if (count_ < kMaxCount) events |= POLLOUT;
    return events;
  }
  base::WaitQueue* wait_queue() const override { return &wait_queue_; }

  std::string Details() override {
    char text[64];
    base::MutexLock lock(mutex_);
    snprintf(text, sizeof(text), "eventfd-count: %16" PRIx64 "\neventfd-semaphore: %d\n", count_, semaphore_ ? 1 : 0);
    return text;
  }

 private:
  const bool semaphore_;
  mutable base::WaitQueue wait_queue_;
  base::Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

base::RefPtr<FileDescription> CreateEventFd(Context& context, uint64_t count, int flags, bool semaphore) {
  Path path = MakeAnonymousPath(context, 0600, "anon_inode:[eventfd]");
  return base::MakeRef<EventFd>(std::move(path), O_RDWR | (flags & O_NONBLOCK), count, semaphore);
}

}  // namespace vfs
