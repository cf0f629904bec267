// SPDX-License-Identifier: Apache-2.0
// For epoll.cc and epoll_wait.cc only.
#pragma once

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "vfs/epoll/epoll.h"

namespace vfs {

// One description under one number, watched by one instance.
class EpollItem : public base::RefCounted, public base::Waiter {
 public:
  // Told of everything: what is wanted changes under another lock.
  EpollItem(Epoll& epoll, FileDescription& file, int fd, EpollEvent event)
      : Waiter(~base::EventMask{0}), epoll(epoll), file(file), fd(fd), event(event) {}

  void Notified(base::EventMask events) override;

  Epoll& epoll;           // Valid while linked.
  FileDescription& file;  // Valid while linked, which its end undoes.
  const int fd;

  // Guarded by LinksMutex.
  EpollItem* next_watcher = nullptr;
  EpollItem* previous_watcher = nullptr;

  // Guarded by epoll.ready_mutex_.
  EpollEvent event;
  bool linked = true;
  bool ready = false;  // In the ready list, which holds a reference.
  EpollItem* next_ready = nullptr;
  EpollItem* previous_ready = nullptr;
};

struct Epoll::Items {
  absl::flat_hash_map<std::pair<const FileDescription*, int>, base::RefPtr<EpollItem>> map;
};

// The bits that say how to report, not what.
inline constexpr uint32_t kEpollWakeup = 1u << 29;
inline constexpr uint32_t kEpollExclusive = 1u << 28;
inline constexpr uint32_t kEpollOneShot = 1u << 30;
inline constexpr uint32_t kEpollEdge = 1u << 31;
inline constexpr uint32_t kEpollHow = kEpollWakeup | kEpollExclusive | kEpollOneShot | kEpollEdge;

}  // namespace vfs
