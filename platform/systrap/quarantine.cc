// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/quarantine.h"

#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

constinit base::LockClass Quarantine::kLock{"systrap::Quarantine::mutex_"};

// A fiber on its way into a wait.
struct Quarantine::Waiting {
  Quarantine* quarantine;
  base::GuestRange range;
  Executor* executor;
  WaitingFiber self;
  bool waits;
};

void Quarantine::Add(base::GuestRange range, StubThread* thread) {
  base::MutexLock lock(mutex_);
  items_.push_back(Item{range, thread, nullptr});
}

void Quarantine::Release(StubThread* thread, Executor& executor) {
  WaitingFiber* waiting = nullptr;
  {
    base::MutexLock lock(mutex_);
    for (Item& item : items_) {
      if (item.thread != thread) continue;
      waiting = item.waiting;
      item = items_.back();
      items_.pop_back();
      break;
    }
  }
  while (waiting != nullptr) {
    WaitingFiber* next = waiting->next;  // It lies in the frame of the fiber that is woken.
    executor.Wake(waiting->fiber);
    waiting = next;
  }
}

bool Quarantine::Wanted(StubThread* thread) {
  base::MutexLock lock(mutex_);
  for (const Item& item : items_) {
    if (item.thread == thread) return item.waiting != nullptr;
  }
  return false;
}

void Quarantine::Wait(base::GuestRange range, Executor& executor) {
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      bool found = false;
      for (const Item& item : items_) found = found || item.range.Overlaps(range);
      if (!found) return;
    }
    Waiting waiting{this, range, &executor, {executor.Current(), nullptr}, false};
    executor.Park(Commit, &waiting);
  }
}

void Quarantine::Commit(void* argument) {
  auto* waiting = static_cast<Waiting*>(argument);
  Quarantine& self = *waiting->quarantine;
  base::RefPtr<StubThread> thread;
  {
    base::MutexLock lock(self.mutex_);
    for (Item& item : self.items_) {
      if (!item.range.Overlaps(waiting->range)) continue;
      waiting->self.next = item.waiting;
      item.waiting = &waiting->self;
      thread = base::RefPtr<StubThread>(item.thread);
      break;
    }
  }
  // Behind this lock the fiber may be woken and its frame gone.
  if (thread) {
    thread->KickForQuarantine();
  } else {
    waiting->executor->Wake(waiting->self.fiber);
  }
}

}  // namespace platform::systrap
