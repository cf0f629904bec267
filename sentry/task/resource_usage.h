// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace sentry {

class Task;
class ThreadGroup;

struct CpuTimes {
  int64_t user_ns = 0;
  int64_t system_ns = 0;
  int64_t total() const { return user_ns + system_ns; }
};

// What getrusage(2) tells, as far as the kernel side knows it.
struct ResourceUsage {
  CpuTimes times;
  uint64_t max_resident_bytes = 0;
  uint64_t waits = 0;

  void Add(const ResourceUsage& other) {
    times.user_ns += other.times.user_ns;
    times.system_ns += other.times.system_ns;
    max_resident_bytes = std::max(max_resident_bytes, other.max_resident_bytes);
    waits += other.waits;
  }
};

// CPU times. Guest code's are the wall-clock time spent in it, but for a process not more than the host's CPU clock of
// its stub says: what other programs took of a busy CPU does not count. A thread's is its share of its process's. Any
// thread; no lock held, but for "Locked": the signal lock.
CpuTimes ThreadTimes(const Task& task);
CpuTimes ThreadTimesLocked(const Task& task);
// Of all threads, past ones included.
CpuTimes ProcessTimes(ThreadGroup& group);
// The largest resident size is the largest that was seen when somebody looked, at exec and at exit.
ResourceUsage ThreadUsage(const Task& task);
ResourceUsage ProcessUsage(ThreadGroup& group);

}  // namespace sentry
