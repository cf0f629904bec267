// SPDX-License-Identifier: Apache-2.0
// Inside of HostPoller; for host_file.cc.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "base/wait_queue.h"
#include "vfs/host_file/host_file.h"

namespace vfs {

// One descriptor that is watched; lives in its file. Armed for one event at a time.
class HostPoller::Watched {
 public:
  Watched(HostPoller::State& state, int fd);
  ~Watched();
  // Asks for the next of `events` to be notified on queue(). Nothing happens for descriptors that cannot be watched
  // (regular files), which are always ready.
  void Arm(uint32_t events);
  base::WaitQueue& queue() { return queue_; }
  bool watchable() const { return watchable_; }

 private:
  friend class HostPoller::State;
  HostPoller::State& state_;
  const int fd_;
  uint64_t id_ = 0;
  bool watchable_ = false;
  base::WaitQueue queue_;
};

class HostPoller::State {
 public:
  State() : mutex_(kLock) {}
  void Run();

  static inline constinit base::LockClass kLock{"HostPoller::State::mutex_"};
  base::UniqueFd epoll;
  base::UniqueFd wake;  // eventfd: the thread is to end.
  std::thread thread;
  // Held while an event is handed on, so that a file that goes waits for it.
  base::Mutex mutex_;
  std::unordered_map<uint64_t, Watched*> files_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace vfs
