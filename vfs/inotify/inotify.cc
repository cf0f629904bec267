// SPDX-License-Identifier: Apache-2.0
#include "vfs/inotify/inotify.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

#include "vfs/inotify/inotify_table.h"
#include "vfs/inotify/notify.h"
#include "vfs/ioctl.h"
#include "vfs/pseudo/anonymous.h"

namespace vfs {
namespace {

constexpr base::EventMask kReadable = POLLIN | POLLRDNORM;
// What a watch's mask keeps of what inotify_add_watch was given.
constexpr uint32_t kKept = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

}  // namespace

constinit base::LockClass Inotify::kQueueLock{"Inotify::queue_mutex_"};

Inotify::Inotify(Path path, int flags) : FileDescription(std::move(path), flags), queue_mutex_(kQueueLock) {}

base::RefPtr<Inotify> Inotify::Create(Context& context, int flags) {
  return base::AdoptRef(new Inotify(MakeAnonymousPath(context, 0600, "anon_inode:inotify"), O_RDONLY | flags));
}

void Inotify::LastReferenceGone() {
  std::vector<base::RefPtr<Inode>> inodes;
  {
    base::MutexLock lock(InotifyTable::mutex());
    while (!watches_.empty()) inodes.push_back(InotifyTable::Remove(*watches_.begin()->second, false));
  }
  inodes.clear();
  FileDescription::LastReferenceGone();
}

base::Result<int32_t> Inotify::AddWatch(base::RefPtr<Inode> inode, uint32_t mask) {
  base::MutexLock lock(InotifyTable::mutex());
  Watch* known = InotifyTable::Find(*inode, *this);
  if (known != nullptr) {
    if ((mask & IN_MASK_CREATE) != 0) return base::Errno(EEXIST);
    known->mask = (mask & kKept) | ((mask & IN_MASK_ADD) != 0 ? known->mask : 0);
    return known->descriptor;
  }
  if (inotify_watches.load(std::memory_order_relaxed) >= kMostWatches) return base::Errno(ENOSPC);
  int32_t descriptor = next_descriptor_++;
  if (next_descriptor_ == INT32_MAX) next_descriptor_ = 1;
  auto watch = std::make_unique<Watch>(Watch{this, descriptor, mask & kKept, std::move(inode)});
  InotifyTable::Enter(*watch);
  watches_.emplace(descriptor, std::move(watch));
  return descriptor;
}

base::Result<void> Inotify::RemoveWatch(int32_t descriptor) {
  base::RefPtr<Inode> inode;
  base::MutexLock lock(InotifyTable::mutex());
  auto found = watches_.find(descriptor);
  if (found == watches_.end()) return base::Errno(EINVAL);
  inode = InotifyTable::Remove(*found->second, true);
  return {};
}

// Names are padded with zeroes to a multiple of the header.
size_t Inotify::Event::size() const {
  constexpr size_t kHeader = sizeof(inotify_event);
  return name.empty() ? kHeader : kHeader + (name.size() / kHeader + 1) * kHeader;
}

void Inotify::Queue(Event event) {
  {
    base::MutexLock lock(queue_mutex_);
    if (!queue_.empty() && queue_.back() == event) return;
    if (queue_.size() >= kMostEvents) {
      event = {.descriptor = -1, .mask = IN_Q_OVERFLOW};
      if (queue_.back() == event) return;
    }
    queue_.push_back(std::move(event));
  }
  wait_queue_.Notify(kReadable);
}

base::Result<size_t> Inotify::TryRead(Context&, IoSequence& to) {
  size_t total = 0;
  while (true) {
    Event event;
    {
      base::MutexLock lock(queue_mutex_);
      if (queue_.empty()) return total > 0 ? base::Result<size_t>(total) : base::Errno(EAGAIN);
      if (queue_.front().size() > to.remaining()) return total > 0 ? base::Result<size_t>(total) : base::Errno(EINVAL);
      event = std::move(queue_.front());
      queue_.pop_front();
    }
    std::byte bytes[sizeof(inotify_event) + 256 + sizeof(inotify_event)]{};
    size_t size = event.size();
    inotify_event header{};
    header.wd = event.descriptor;
    header.mask = event.mask;
    header.cookie = event.cookie;
    header.len = static_cast<uint32_t>(size - sizeof(header));
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), event.name.data(), event.name.size());
    // As on Linux an event that finds bad memory is lost.
    base::Result<size_t> copied = to.CopyOut(std::span(bytes).first(size));
    if (!copied.ok() || *copied < size) return total > 0 ? base::Result<size_t>(total) : base::Errno(EFAULT);
    total += size;
  }
}

base::EventMask Inotify::Readiness() {
  base::MutexLock lock(queue_mutex_);
  return queue_.empty() ? 0 : kReadable;
}

base::Result<uint64_t> Inotify::Ioctl(Context& context, uint32_t request, uint64_t argument) {
  if (request != FIONREAD) return base::Errno(ENOTTY);
  size_t bytes = 0;
  {
    base::MutexLock lock(queue_mutex_);
    for (const Event& event : queue_) bytes += event.size();
  }
  TRY(WriteInt(context, argument, static_cast<int32_t>(bytes)));
  return uint64_t{0};
}

std::string Inotify::Details() {
  std::string text;
  base::MutexLock lock(InotifyTable::mutex());
  for (const auto& [descriptor, watch] : watches_) {
    char line[96];
    snprintf(line, sizeof(line), "inotify wd:%x ino:0 sdev:%x mask:%x ignored_mask:0 \n",
             static_cast<unsigned>(descriptor), watch->inode->filesystem().device_minor(), watch->mask);
    text += line;
  }
  return text;
}

}  // namespace vfs
