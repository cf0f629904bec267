// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace sentry {

// Where a task's time goes: guest code, the kernel, or waiting. Measured on the wall clock between the task's own
// transitions, so time a host CPU was busy with others counts too: see ProcessTimes for what is made of it.
// Written by the task's fiber; read by anybody, the stretch under way included.
class CpuAccount {
 public:
  enum class Place : int { kKernel, kGuest, kWaiting };
  struct Reading {
    int64_t guest_ns = 0;
    int64_t kernel_ns = 0;
    uint64_t waits = 0;  // How often it gave up the CPU by itself.
  };

  CpuAccount() : since_(base::MonotonicNow()) {}

  // The task goes from where it was to `place`.
  void Enter(Place place) {
    int64_t now = base::MonotonicNow();
    int64_t spent = now - since_.load(std::memory_order_relaxed);
    uint32_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    switch (place_.load(std::memory_order_relaxed)) {
      case Place::kKernel:
        Add(kernel_, spent);
        break;
      case Place::kGuest:
        Add(guest_, spent);
        break;
      case Place::kWaiting:
        break;
    }
    if (place == Place::kWaiting) waits_.store(waits_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    since_.store(now, std::memory_order_release);
    place_.store(place, std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
  }

  // The largest guest time that was shown so far, `guest_ns` included: what is made of readings never goes back.
  int64_t Show(int64_t guest_ns) const {
    int64_t shown = shown_.load(std::memory_order_relaxed);
    while (shown < guest_ns && !shown_.compare_exchange_weak(shown, guest_ns, std::memory_order_relaxed)) {
    }
    return std::max(shown, guest_ns);
  }

  Reading Read() const {
    while (true) {
      uint32_t version = version_.load(std::memory_order_acquire);
      Reading reading{.guest_ns = guest_.load(std::memory_order_acquire),
                      .kernel_ns = kernel_.load(std::memory_order_acquire),
                      .waits = waits_.load(std::memory_order_acquire)};
      int64_t since = since_.load(std::memory_order_acquire);
      Place place = place_.load(std::memory_order_acquire);
      // Odd: between two stretches.
      if ((version & 1) != 0 || version_.load(std::memory_order_relaxed) != version) continue;
      int64_t spent = base::MonotonicNow() - since;
      if (place == Place::kGuest) reading.guest_ns += spent;
      if (place == Place::kKernel) reading.kernel_ns += spent;
      return reading;
    }
  }

 private:
  static void Add(std::atomic<int64_t>& account, int64_t ns) {
    account.store(account.load(std::memory_order_relaxed) + ns, std::memory_order_release);
  }

  std::atomic<uint32_t> version_{0};
  std::atomic<int64_t> since_;
  std::atomic<Place> place_{Place::kKernel};
  std::atomic<int64_t> guest_{0}, kernel_{0};
  std::atomic<uint64_t> waits_{0};
  mutable std::atomic<int64_t> shown_{0};
};

}  // namespace sentry
