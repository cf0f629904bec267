// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <utility>
#include <vector>

#include "vfs/epoll/epoll.h"
#include "vfs/epoll/epoll_item.h"

namespace vfs {
namespace {

constexpr base::EventMask kReadable = POLLIN | POLLRDNORM;

}  // namespace

void Epoll::Push(EpollItem& item) {
  if (item.ready || !item.linked) return;
  item.Ref();
  item.ready = true;
  item.next_ready = nullptr;
  item.previous_ready = ready_tail_;
  (ready_tail_ != nullptr ? ready_tail_->next_ready : ready_head_) = &item;
  ready_tail_ = &item;
  ++ready_count_;
}

Epoll::Candidate Epoll::Pop() {
  EpollItem* item = ready_head_;
  if (item == nullptr) return {};
  ready_head_ = item->next_ready;
  (ready_head_ != nullptr ? ready_head_->previous_ready : ready_tail_) = nullptr;
  --ready_count_;
  item->ready = false;
  Candidate candidate{base::RefPtr<EpollItem>::Adopt(item), nullptr, item->event};
  // A description at its end cannot be asked any more; it is about to unlink the item.
  if (item->file.TryRef()) candidate.file = base::RefPtr<FileDescription>::Adopt(&item->file);
  return candidate;
}

void EpollItem::Notified(base::EventMask events) {
  {
    base::MutexLock lock(epoll.ready_mutex_);
    // One-shot items that have fired want nothing any more.
    if ((events & event.events & ~kEpollHow) == 0 || ready || !linked) return;
    epoll.Push(*this);
  }
  epoll.wait_queue_.Notify(kReadable);
}

void Epoll::CheckNow(EpollItem& item, FileDescription& file) {
  base::EventMask events = file.Readiness();
  {
    base::MutexLock lock(ready_mutex_);
    if ((events & item.event.events & ~kEpollHow) == 0 || item.ready || !item.linked) return;
    Push(item);
  }
  wait_queue_.Notify(kReadable);
}

size_t Epoll::TryWait(std::span<EpollEvent> events) {
  // Dropped after the locks: the last reference to a description may be among them.
  std::vector<Candidate> done;
  std::vector<base::RefPtr<EpollItem>> again;
  size_t count = 0;
  // An instance may watch another, whose Readiness is asked below: strictly downwards, without cycles.
  base::LockOrder::ScopedNested nested;
  base::MutexLock scan(scan_mutex_);
  // What becomes ready meanwhile comes behind these, for the next time: none is reported twice.
  size_t candidates = 0;
  {
    base::MutexLock lock(ready_mutex_);
    candidates = ready_count_;
  }
  for (; candidates > 0 && count < events.size(); --candidates) {
    {
      base::MutexLock lock(ready_mutex_);
      done.push_back(Pop());
    }
    const Candidate& candidate = done.back();
    if (candidate.item == nullptr) break;
    if (candidate.file == nullptr) continue;
    uint32_t wanted = candidate.wanted.events;
    base::EventMask ready = candidate.file->Readiness() & wanted & ~kEpollHow;
    if (ready == 0) continue;
    events[count++] = {ready, candidate.wanted.data};
    if ((wanted & kEpollOneShot) != 0) {
      base::MutexLock lock(ready_mutex_);
      if (candidate.item->event.events == wanted) candidate.item->event.events &= kEpollHow;
    } else if ((wanted & kEpollEdge) == 0) {
      again.push_back(candidate.item);
    }
  }
  // Level-triggered items stay candidates, behind all others.
  base::MutexLock lock(ready_mutex_);
  for (auto& item : again) Push(*item);
  return count;
}

base::EventMask Epoll::Readiness() {
  std::vector<Candidate> done;
  base::LockOrder::ScopedNested nested;
  base::MutexLock scan(scan_mutex_);
  size_t candidates = 0;
  {
    base::MutexLock lock(ready_mutex_);
    candidates = ready_count_;
  }
  for (; candidates > 0; --candidates) {
    {
      base::MutexLock lock(ready_mutex_);
      done.push_back(Pop());
    }
    const Candidate& candidate = done.back();
    if (candidate.item == nullptr) break;
    if (candidate.file == nullptr) continue;
    if ((candidate.file->Readiness() & candidate.wanted.events & ~kEpollHow) == 0) continue;
    base::MutexLock lock(ready_mutex_);
    Push(*candidate.item);
    return kReadable;
  }
  return 0;
}

}  // namespace vfs
