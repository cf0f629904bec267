// SPDX-License-Identifier: Apache-2.0
#include "vfs/epoll/epoll.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>
#include <vector>

#include "vfs/epoll/epoll_item.h"
#include "vfs/pseudo/anonymous.h"

namespace vfs {
namespace {

constinit base::LockClass kLinksLock{"Epoll::LinksMutex"};
// What may go with EPOLLEXCLUSIVE.
constexpr uint32_t kExclusiveAllows =
    POLLIN | POLLOUT | POLLERR | POLLHUP | kEpollWakeup | kEpollEdge | kEpollExclusive;
constexpr int kTooDeep = 1000;

}  // namespace

constinit base::LockClass Epoll::kScanLock{"Epoll::scan_mutex_"};
constinit base::LockClass Epoll::kReadyLock{"Epoll::ready_mutex_"};

base::Mutex& Epoll::LinksMutex() {
  static base::Mutex& mutex = *new base::Mutex(kLinksLock);
  return mutex;
}

Epoll::Epoll(Path path)
    : FileDescription(std::move(path), O_RDWR),
      items_(std::make_unique<Items>()),
      scan_mutex_(kScanLock),
      ready_mutex_(kReadyLock) {}

Epoll::~Epoll() = default;

base::RefPtr<Epoll> Epoll::Create(Context& context) {
  return base::AdoptRef(new Epoll(MakeAnonymousPath(context, 0600, "anon_inode:[eventpoll]")));
}

// Items may be held by a TryWait of another thread for a moment; they are unlinked and will never be touched again.
void Epoll::LastReferenceGone() {
  {
    base::MutexLock lock(LinksMutex());
    for (auto& [key, item] : items_->map) Unlink(*item);
    items_->map.clear();
  }
  FileDescription::LastReferenceGone();
}

void Epoll::Unlink(EpollItem& item) {
  item.file.wait_queue()->Unregister(item);
  (item.previous_watcher != nullptr ? item.previous_watcher->next_watcher : item.file.watchers_) = item.next_watcher;
  if (item.next_watcher != nullptr) item.next_watcher->previous_watcher = item.previous_watcher;
  if (item.file.watchers_ == nullptr) item.file.watched_.store(false, std::memory_order_release);
  Epoll& epoll = item.epoll;
  base::RefPtr<EpollItem> listed;
  base::MutexLock lock(epoll.ready_mutex_);
  item.linked = false;
  if (!item.ready) return;
  (item.previous_ready != nullptr ? item.previous_ready->next_ready : epoll.ready_head_) = item.next_ready;
  (item.next_ready != nullptr ? item.next_ready->previous_ready : epoll.ready_tail_) = item.previous_ready;
  item.ready = false;
  --epoll.ready_count_;
  listed = base::RefPtr<EpollItem>::Adopt(&item);
}

void Epoll::Forget(FileDescription& file) {
  std::vector<base::RefPtr<EpollItem>> dropped;
  base::MutexLock lock(LinksMutex());
  while (file.watchers_ != nullptr) {
    EpollItem& item = *file.watchers_;
    auto it = item.epoll.items_->map.find({&file, item.fd});
    dropped.push_back(std::move(it->second));
    item.epoll.items_->map.erase(it);
    Unlink(item);
  }
}

// Each instance is looked at once, however many ways lead there.
struct Epoll::Depths {
  absl::flat_hash_map<const Epoll*, int> known;
  const Epoll* forbidden = nullptr;
};

int Epoll::DepthBelow(const Epoll& top, Depths& depths, int depth) {
  if (&top == depths.forbidden || depth > kMaxNesting) return kTooDeep;
  if (auto it = depths.known.find(&top); it != depths.known.end()) return it->second;
  int deepest = 0;
  for (const auto& [key, item] : top.items_->map) {
    if (item->file.kind() != FileKind::kEpoll) continue;
    deepest = std::max(deepest, DepthBelow(static_cast<const Epoll&>(item->file), depths, depth + 1) + 1);
  }
  return depths.known[&top] = deepest;
}

int Epoll::DepthAbove(const Epoll& bottom, Depths& depths, int depth) {
  if (depth > kMaxNesting) return kTooDeep;
  if (auto it = depths.known.find(&bottom); it != depths.known.end()) return it->second;
  int highest = 0;
  for (const EpollItem* item = bottom.watchers_; item != nullptr; item = item->next_watcher) {
    highest = std::max(highest, DepthAbove(item->epoll, depths, depth + 1) + 1);
  }
  return depths.known[&bottom] = highest;
}

base::Result<void> Epoll::CheckNesting(Epoll& target) {
  Depths below_target{.forbidden = this}, above_this;
  int below = DepthBelow(target, below_target, 0);
  if (below > kMaxNesting || below + 1 + DepthAbove(*this, above_this, 0) > kMaxNesting) return base::Errno(ELOOP);
  return {};
}

base::Result<void> Epoll::Add(base::RefPtr<FileDescription> file, int fd, EpollEvent event) {
  if (!file->SupportsPoll()) return base::Errno(EPERM);
  if (file.get() == this) return base::Errno(EINVAL);
  bool nested = file->kind() == FileKind::kEpoll;
  if ((event.events & kEpollExclusive) != 0 && (nested || (event.events & ~kExclusiveAllows) != 0)) {
    return base::Errno(EINVAL);
  }
  event.events |= POLLERR | POLLHUP;
  auto item = base::MakeRef<EpollItem>(*this, *file, fd, event);
  {
    base::MutexLock lock(LinksMutex());
    if (nested) TRY(CheckNesting(static_cast<Epoll&>(*file)));
    if (!items_->map.try_emplace({file.get(), fd}, item).second) return base::Errno(EEXIST);
    item->next_watcher = file->watchers_;
    if (item->next_watcher != nullptr) item->next_watcher->previous_watcher = item.get();
    file->watchers_ = item.get();
    file->watched_.store(true, std::memory_order_release);
    file->wait_queue()->Register(*item);
  }
  CheckNow(*item, *file);
  return {};
}

base::Result<void> Epoll::Modify(FileDescription& file, int fd, EpollEvent event) {
  if (!file.SupportsPoll()) return base::Errno(EPERM);
  if (&file == this || (event.events & kEpollExclusive) != 0) return base::Errno(EINVAL);
  event.events |= POLLERR | POLLHUP;
  base::RefPtr<EpollItem> item;
  {
    base::MutexLock lock(LinksMutex());
    auto it = items_->map.find({&file, fd});
    if (it == items_->map.end()) return base::Errno(ENOENT);
    item = it->second;
    base::MutexLock ready_lock(ready_mutex_);
    if ((item->event.events & kEpollExclusive) != 0) return base::Errno(EINVAL);
    item->event = event;
  }
  CheckNow(*item, file);
  return {};
}

base::Result<void> Epoll::Remove(FileDescription& file, int fd) {
  if (!file.SupportsPoll()) return base::Errno(EPERM);
  if (&file == this) return base::Errno(EINVAL);
  base::RefPtr<EpollItem> item;
  base::MutexLock lock(LinksMutex());
  auto it = items_->map.find({&file, fd});
  if (it == items_->map.end()) return base::Errno(ENOENT);
  item = std::move(it->second);
  items_->map.erase(it);
  Unlink(*item);
  return {};
}

size_t Epoll::size() const {
  base::MutexLock lock(LinksMutex());
  return items_->map.size();
}

std::string Epoll::Details() {
  std::string text;
  base::MutexLock lock(LinksMutex());
  for (const auto& [key, item] : items_->map) {
    char line[128];
    base::MutexLock ready_lock(ready_mutex_);
    snprintf(line, sizeof(line), "tfd: %8d events: %8x data: %16" PRIx64 "\n", item->fd, item->event.events,
             item->event.data);
    text += line;
  }
  return text;
}

}  // namespace vfs
