// SPDX-License-Identifier: Apache-2.0
// The slots of a stub, and the threads that hold them.
#include <algorithm>

#include "platform/systrap/shard.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

constexpr uint32_t kLargestRun = 256;
// How many retired threads are looked at for each new one: more than one, so that they never pile up.
constexpr int kRetiredChecks = 4;

}  // namespace

base::Result<uint32_t> Stub::TakeSlot() {
  for (;;) {
    std::vector<base::RefPtr<StubThread>> gone;
    {
      base::MutexLock lock(mutex_);
      if (gone_) return base::Errno(EAGAIN);
      for (int i = 0; i < kRetiredChecks && !retired_.empty(); i++) {
        if (!retired_.front()->HostThreadGone()) {
          std::rotate(retired_.begin(), retired_.begin() + 1, retired_.end());
          continue;
        }
        free_slots_.push_back(retired_.front()->slot());
        gone.push_back(std::move(retired_.front()));
        retired_.erase(retired_.begin());
      }
    }
    for (const auto& thread : gone) listener().Unbind(thread->tid(), thread.get());
    uint32_t count = 0;
    {
      base::MutexLock lock(mutex_);
      if (!free_slots_.empty()) {
        uint32_t slot = free_slots_.back();
        free_slots_.pop_back();
        return slot;
      }
      if (next_run_ >= STUB_SLOT_COUNT) return base::Errno(EAGAIN);
      count = std::min({kLargestRun, std::max(next_run_, SlotFile::kUnit), STUB_SLOT_COUNT - next_run_});
    }
    Run run{0, TRY(shard_.slots().Allocate(count)), count};
    {
      base::MutexLock lock(mutex_);
      run.stub_first = next_run_;
      if (next_run_ + count <= STUB_SLOT_COUNT) {
        next_run_ += count;
        // From here on the run is returned when the stub goes.
        runs_.push_back(run);
      } else {
        run.count = 0;
      }
    }
    if (run.count == 0) {
      shard_.slots().Free(run.file_first, count);
      return base::Errno(EAGAIN);
    }
    Command command;
    AddRun(command, run);
    if (!Execute(command).ok()) return base::Errno(EAGAIN);
    base::MutexLock lock(mutex_);
    for (uint32_t i = run.count; i > 0; i--) free_slots_.push_back(run.stub_first + i - 1);
  }
}

void Stub::ReturnSlot(uint32_t slot) {
  base::MutexLock lock(mutex_);
  free_slots_.push_back(slot);
}

Slot Stub::SlotAt(uint32_t slot) {
  base::MutexLock lock(mutex_);
  for (const Run& run : runs_) {
    if (slot < run.stub_first || slot - run.stub_first >= run.count) continue;
    return Slot(shard_.slots().At(run.file_first + slot - run.stub_first),
                STUB_SLOTS + uint64_t{slot} * STUB_SLOT_SIZE);
  }
  return Slot();
}

void Stub::AddThreadToList(base::RefPtr<StubThread> thread) {
  base::MutexLock lock(mutex_);
  threads_.push_back(std::move(thread));
  thread_count_.store(static_cast<int>(threads_.size()), std::memory_order_release);
}

Stub::Standstill::Standstill(Stub& stub) ABSL_NO_THREAD_SAFETY_ANALYSIS : stub_(stub) {
  stub_.mutex_.Lock();
  holds_ = stub_.threads_.size() <= kMost;
  for (size_t i = 0; holds_ && i < stub_.threads_.size(); i++) {
    holds_ = stub_.threads_[i]->HoldStill();
    if (!holds_) LetGo(i);
  }
  if (!holds_) stub_.mutex_.Unlock();
}

Stub::Standstill::~Standstill() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (!holds_) return;
  LetGo(stub_.threads_.size());
  stub_.mutex_.Unlock();
}

void Stub::Standstill::LetGo(size_t count) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  while (count > 0) stub_.threads_[--count]->LetGo();
}

void Stub::OnThreadRetired(StubThread& thread) {
  base::MutexLock lock(mutex_);
  auto found = std::find_if(threads_.begin(), threads_.end(), [&](const auto& t) { return t.get() == &thread; });
  if (found == threads_.end()) return;  // The stub is dead.
  retired_.push_back(std::move(*found));
  *found = std::move(threads_.back());
  threads_.pop_back();
  thread_count_.store(static_cast<int>(threads_.size()), std::memory_order_release);
}

void Stub::ForgetThread(StubThread& thread) {
  listener().Unexpect(thread.cookie());
  base::RefPtr<StubThread> dropped;
  base::MutexLock lock(mutex_);
  auto found = std::find_if(threads_.begin(), threads_.end(), [&](const auto& t) { return t.get() == &thread; });
  if (found == threads_.end()) return;
  dropped = std::move(*found);
  *found = std::move(threads_.back());
  threads_.pop_back();
  thread_count_.store(static_cast<int>(threads_.size()), std::memory_order_release);
  free_slots_.push_back(thread.slot());
}

}  // namespace platform::systrap
