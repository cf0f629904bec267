// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/hot_calls.h"

#include <sys/syscall.h>

#include <algorithm>
#include <bit>

#include "platform/systrap/stub_layout.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

constinit base::LockClass HotCalls::kLock{"systrap::HotCalls::mutex_"};

HotCalls::HotCalls() = default;
HotCalls::~HotCalls() = default;

void HotCalls::Note(StubThread& thread) {
  demand_.fetch_add(1, std::memory_order_relaxed);
  base::RefPtr<StubThread> dropped;
  base::MutexLock lock(mutex_);
  if (std::any_of(threads_.begin(), threads_.end(), [&](const auto& known) { return known.get() == &thread; })) return;
  if (threads_.size() < kMaxThreads) {
    threads_.emplace_back(&thread);
  } else {
    oldest_ = (oldest_ + 1) % kMaxThreads;
    dropped = std::move(threads_[oldest_]);
    threads_[oldest_] = base::RefPtr<StubThread>(&thread);
    if (open_) dropped->SetHotGate(false);
  }
  if (open_) thread.SetHotGate(true);
}

void HotCalls::Open() {
  base::MutexLock lock(mutex_);
  open_ = true;
  for (const auto& thread : threads_) thread->SetHotGate(true);
}

bool HotCalls::Poll() {
  base::RefPtr<StubThread> found;
  {
    base::MutexLock lock(mutex_);
    // From behind the last that was found, so that none, and no forged request either, keeps the others from being
    // seen.
    for (size_t i = 0; i < threads_.size() && !found; i++) {
      next_ = (next_ + 1) % threads_.size();
      if (threads_[next_]->HotRequested()) found = threads_[next_];
    }
  }
  return found && found->OnHotRequest();
}

void HotCalls::Close() {
  std::vector<base::RefPtr<StubThread>> dropped;
  base::MutexLock lock(mutex_);
  open_ = false;
  for (const auto& thread : threads_) thread->SetHotGate(false);
  dropped.swap(threads_);
}

void HotCalls::Forget(StubThread& thread) {
  base::RefPtr<StubThread> dropped;
  base::MutexLock lock(mutex_);
  auto found =
      std::find_if(threads_.begin(), threads_.end(), [&](const auto& known) { return known.get() == &thread; });
  if (found == threads_.end()) return;
  dropped = std::move(*found);
  *found = std::move(threads_.back());
  threads_.pop_back();
}

CallSites::Advice CallSites::Note(uint64_t ip) {
  Site& site = sites_[Index(ip)];
  if (site.ip != ip) site = Site{ip, 0, false};
  if (site.patched) return Advice::kPatched;
  if (site.count < UINT16_MAX) site.count++;
  bool told = site.count >= kOften && site.count < UINT16_MAX && std::has_single_bit(site.count);
  return told ? Advice::kPatch : Advice::kNothing;
}

void CallSites::MarkPatched(uint64_t ip) { sites_[Index(ip)] = Site{ip, 0, true}; }

bool MayBeHot(uint32_t number) {
  switch (number) {
    case SYS_mmap:
    case SYS_mprotect:
    case SYS_munmap:
    case SYS_madvise:
    case SYS_mremap:
    case SYS_rt_sigreturn:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_pause:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_restart_syscall:
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit:
    case SYS_exit_group:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_arch_prctl:
      return false;
    default:
      return true;
  }
}

}  // namespace platform::systrap
