// SPDX-License-Identifier: Apache-2.0
// The spinner: a worker that looks for guests' calls instead of waiting for the host to tell. It pays only on a
// processor nobody else wants, and only while calls come thick. All numbers that decide about it are here.
#include <immintrin.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sentry/sched/scheduler.h"

namespace sentry {
namespace {

// So many plain calls within a millisecond, of sites that could have posted them, call for a spinner. A call saved is
// worth some 10 us; to wake an idle processor for the spinner costs up to 200 us, and it may burn kPatienceNs.
constexpr uint32_t kDemandPerTick = 20;
// How long the spinner looks in vain before it stops: about what starting it again costs.
constexpr int64_t kPatienceNs = 150'000;
// With Spinning::kAlways, for tests on machines that are busy.
constexpr int64_t kAlwaysPatienceNs = 2'000'000;
// How long it looks in vain before it looks whether it is in the guest's way, and again after that.
constexpr int64_t kLeaveNs = 20'000;
// Looks in vain between two looks at the clock; each is a pause, some 30 ns.
constexpr unsigned kLooks = 64;
// The spinner is in the way when the host takes its processor away more often than the clock's and the monitor's ticks
// explain. Then it stays away, longer each time.
constexpr int64_t kCheckNs = 4'000'000;
constexpr int64_t kPreemptionsPerCheck = 12;
constexpr int64_t kFirstPenaltyNs = 10'000'000;
constexpr int64_t kLastPenaltyNs = 1'000'000'000;

int64_t Preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

bool HasProcessorToSpare() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  return sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) > 1;
}

}  // namespace

// Leaves the processor `cpu` if this thread is there. The host puts an awakened thread where it ran last, or beside its
// waker, also when the guest it is to look after runs there.
void Leave(int cpu) {
  cpu_set_t all;
  CPU_ZERO(&all);
  if (cpu < 0 || sched_getcpu() != cpu || sched_getaffinity(0, sizeof(all), &all) != 0) return;
  cpu_set_t others = all;
  CPU_CLR(static_cast<size_t>(cpu), &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return;
  sched_setaffinity(0, sizeof(all), &all);
}

bool Scheduler::WantsSpinner(int64_t now, bool active) {
  if (options_.spinning == Spinning::kNever) return false;
  uint32_t demand = 0;
  std::vector<platform::Receiver*> receivers;
  {
    base::MutexLock lock(mutex_);
    for (Role& role : roles_) receivers.push_back(role.receiver);
  }
  for (platform::Receiver* receiver : receivers) demand += receiver->TakeDemand();
  if (spinning_.load(std::memory_order_relaxed)) return false;
  if (options_.spinning == Spinning::kAlways) return active;
  return demand >= kDemandPerTick && now >= spin_not_before_.load(std::memory_order_relaxed) && HasProcessorToSpare();
}

bool Scheduler::RunNext(Worker& worker) {
  if (queued_.load(std::memory_order_relaxed) == 0) return false;
  sentry::Fiber* fiber = nullptr;
  {
    base::MutexLock lock(mutex_);
    fiber = PopLocked();
  }
  if (fiber == nullptr) return false;
  NoteActivity();
  RunFiber(worker, fiber);
  return true;
}

void Scheduler::Spin(Worker& worker) {
  std::vector<platform::Receiver*> receivers;
  {
    base::MutexLock lock(mutex_);
    for (Role& role : roles_) receivers.push_back(role.receiver);
  }
  Leave(receiving_cpu_.load(std::memory_order_relaxed));
  spinning_.store(true, std::memory_order_relaxed);
  for (platform::Receiver* receiver : receivers) receiver->BeginPolling();
  bool always = options_.spinning == Spinning::kAlways;
  int64_t patience = always ? kAlwaysPatienceNs : kPatienceNs;
  int64_t last_found = base::MonotonicNow();
  int64_t last_left = last_found;
  int64_t last_check = last_found;
  int64_t preemptions = Preemptions();
  bool preempted = false;
  bool worked = false;
  for (unsigned turn = 1;; ++turn) {
    bool found = RunNext(worker);
    for (platform::Receiver* receiver : receivers) found |= receiver->Poll();
    worked |= found;
    if (!found) _mm_pause();
    if (turn % kLooks != 0) continue;
    int64_t now = base::MonotonicNow();
    if (std::exchange(worked, false)) {
      last_found = now;
    } else if (now - last_left > kLeaveNs) {
      last_left = now;
      Leave(receiving_cpu_.load(std::memory_order_relaxed));
    }
    if (now - last_found > patience) break;
    {
      base::MutexLock lock(mutex_);
      if (stopping_) break;
    }
    if (always || now - last_check < kCheckNs) continue;
    last_check = now;
    int64_t before = std::exchange(preemptions, Preemptions());
    preempted = preemptions - before > kPreemptionsPerCheck;
    if (preempted) break;
  }
  for (platform::Receiver* receiver : receivers) receiver->EndPolling();
  EndSpin(preempted);
}

void Scheduler::EndSpin(bool preempted) {
  if (preempted) {
    spin_penalty_ns_ = std::clamp(spin_penalty_ns_ * 2, kFirstPenaltyNs, kLastPenaltyNs);
    spin_not_before_.store(base::MonotonicNow() + spin_penalty_ns_, std::memory_order_relaxed);
  } else {
    spin_penalty_ns_ = 0;
  }
  spinning_.store(false, std::memory_order_release);
}

}  // namespace sentry
