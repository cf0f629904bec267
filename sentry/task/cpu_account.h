// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace sentry {

// Where a task's time goes: guest code, the kernel, or waiting. Measured on the wall clock between the task's own
// transitions, so time a host CPU was busy with others counts too: see CpuTimesOf for what is made of it.
// Written by the task's fiber, read by anybody.
class CpuAccount {
 public:
  CpuAccount() : since_(base::MonotonicNow()) {}

  // At the end of each stretch of the named kind.
  void EndKernel() { Charge(&kernel_); }
  void EndGuest() { Charge(&guest_); }
  void EndWait() { since_ = base::MonotonicNow(); }

  int64_t guest_ns() const { return guest_.load(std::memory_order_relaxed); }
  int64_t kernel_ns() const { return kernel_.load(std::memory_order_relaxed); }

 private:
  void Charge(std::atomic<int64_t>* account) {
    int64_t now = base::MonotonicNow();
    account->store(account->load(std::memory_order_relaxed) + (now - since_), std::memory_order_relaxed);
    since_ = now;
  }

  int64_t since_;
  std::atomic<int64_t> guest_{0}, kernel_{0};
};

}  // namespace sentry
