// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/resource_usage.h"

#include <time.h>

#include "sentry/mm/memory_manager.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

// The CPU clock of another process (linux/posix-timers.h): the id's complement above three bits.
clockid_t ProcessClock(int host_pid) {
  constexpr unsigned kSchedClock = 2;
  return static_cast<clockid_t>((~static_cast<unsigned>(host_pid) << 3) | kSchedClock);
}

// The host's CPU clock of a stub, nanoseconds. False: it is gone.
bool ReadStubClock(int host_pid, int64_t* ns) {
  timespec time{};
  if (host_pid == 0 || clock_gettime(ProcessClock(host_pid), &time) != 0) return false;
  *ns = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  return true;
}

}  // namespace

ResourceUsage ThreadGroup::UsageLocked(int64_t* wall_ns) const {
  ResourceUsage sum = exited_;
  bool alive = false;
  for (const Task* task : tasks) {
    if (task->leaving()) continue;
    alive = true;
    CpuAccount::Reading reading = task->cpu_account().Read();
    sum.times.user_ns += reading.guest_ns;
    sum.times.system_ns += reading.kernel_ns;
    sum.waits += reading.waits;
  }
  if (wall_ns != nullptr) *wall_ns = sum.times.user_ns;
  int64_t stub_ns = 0;
  if (alive && ReadStubClock(stub_pid_.load(std::memory_order_relaxed), &stub_ns)) {
    sum.times.user_ns = std::min(sum.times.user_ns, past_stubs_ns_ + stub_ns);
  }
  return sum;
}

void ThreadGroup::NoteResident(MemoryManager& memory) {
  uint64_t resident = memory.address_space().resident_bytes();
  base::MutexLock lock(signal_mutex_);
  exited_.max_resident_bytes = std::max(exited_.max_resident_bytes, resident);
}

void ThreadGroup::ChangeStub(MemoryManager& from, MemoryManager& to) {
  NoteResident(from);
  base::MutexLock lock(signal_mutex_);
  past_stubs_ns_ = UsageLocked().times.user_ns;
  SetStub(to);
}

void ThreadGroup::SetStub(MemoryManager& memory) {
  stub_pid_.store(memory.address_space().host_pid(), std::memory_order_relaxed);
}

CpuTimes ThreadTimes(const Task& task) {
  base::MutexLock lock(task.group().signal_mutex());
  return ThreadTimesLocked(task);
}

CpuTimes ThreadTimesLocked(const Task& task) {
  CpuAccount::Reading reading = task.cpu_account().Read();
  int64_t wall_ns = 0;
  task.group().signal_mutex().AssertHeld();
  int64_t process_ns = task.group().UsageLocked(&wall_ns).times.user_ns;
  int64_t guest_ns = reading.guest_ns;
  if (process_ns < wall_ns) {
    double share = static_cast<double>(process_ns) / static_cast<double>(wall_ns);
    guest_ns = static_cast<int64_t>(static_cast<double>(guest_ns) * share);
  }
  return {.user_ns = task.cpu_account().Show(guest_ns), .system_ns = reading.kernel_ns};
}

CpuTimes ProcessTimes(ThreadGroup& group) { return ProcessUsage(group).times; }

ResourceUsage ThreadUsage(const Task& task) {
  ResourceUsage usage = ProcessUsage(task.group());
  usage.times = ThreadTimes(task);
  usage.waits = task.cpu_account().Read().waits;
  return usage;
}

ResourceUsage ProcessUsage(ThreadGroup& group) {
  base::MutexLock lock(group.signal_mutex());
  return group.UsageLocked();
}

}  // namespace sentry
