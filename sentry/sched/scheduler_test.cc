// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "sentry/sched/fiber_mutex.h"
#include "sentry/sched/parker.h"

namespace sentry {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  void SetUp() override { scheduler_.Start(); }
  void TearDown() override { scheduler_.Stop(); }
  Scheduler scheduler_{{.workers = 3}};
};

TEST_F(SchedulerTest, RunsAFiberToItsEnd) {
  int value = 0;
  scheduler_.RunOnFiber([&] {
    EXPECT_TRUE(Scheduler::OnFiber());
    value = 7;
  });
  EXPECT_EQ(value, 7);
  EXPECT_FALSE(Scheduler::OnFiber());
}

TEST_F(SchedulerTest, PingPongBetweenTwoFibersLosesNoWakeUp) {
  constexpr int kRounds = 20000;
  std::unique_ptr<Parker> ping = std::make_unique<Parker>(scheduler_);
  std::unique_ptr<Parker> pong = std::make_unique<Parker>(scheduler_);
  std::atomic<int> turn{0};
  ASSERT_TRUE(scheduler_.Spawn([&] {
    for (int i = 0; i < kRounds; ++i) {
      while (turn.load() != 2 * i + 1) pong->Park();
      turn.store(2 * i + 2);
      ping->Unpark();
    }
  }));
  scheduler_.RunOnFiber([&] {
    for (int i = 0; i < kRounds; ++i) {
      turn.store(2 * i + 1);
      pong->Unpark();
      while (turn.load() != 2 * i + 2) ping->Park();
    }
  });
  EXPECT_EQ(turn.load(), 2 * kRounds);
}

TEST_F(SchedulerTest, FiberMutexExcludesFibersThatYieldInside) {
  FiberMutex mutex(scheduler_);
  int inside = 0;
  int total = 0;
  std::atomic<int> done{0};
  constexpr int kFibers = 50;
  for (int i = 0; i < kFibers; ++i) {
    ASSERT_TRUE(scheduler_.Spawn([&] {
      for (int k = 0; k < 100; ++k) {
        FiberLock lock(mutex);
        EXPECT_EQ(++inside, 1);
        scheduler_.Yield();
        ++total;
        --inside;
      }
      done.fetch_add(1);
    }));
  }
  scheduler_.RunOnFiber([&] {
    while (done.load() != kFibers) scheduler_.Yield();
  });
  EXPECT_EQ(total, kFibers * 100);
}

TEST_F(SchedulerTest, TimerWakesAParkedFiberNotBeforeItsDeadline) {
  scheduler_.RunOnFiber([&] {
    Parker parker(scheduler_);
    std::atomic<bool> expired{false};
    Timer timer(scheduler_.timers(), [&] {
      expired.store(true);
      parker.Unpark();
    });
    int64_t deadline = base::MonotonicNow() + 3'000'000;
    timer.Set(deadline);
    while (!expired.load()) parker.Park();
    EXPECT_GE(base::MonotonicNow(), deadline);
  });
}

TEST_F(SchedulerTest, CancelledTimerDoesNotRun) {
  scheduler_.RunOnFiber([&] {
    Parker parker(scheduler_);
    std::atomic<int> first{0}, second{0};
    Timer cancelled(scheduler_.timers(), [&] { first.fetch_add(1); });
    Timer later(scheduler_.timers(), [&] {
      second.fetch_add(1);
      parker.Unpark();
    });
    int64_t now = base::MonotonicNow();
    cancelled.Set(now + 2'000'000);
    later.Set(now + 4'000'000);
    cancelled.Cancel();
    while (second.load() == 0) parker.Park();
    EXPECT_EQ(first.load(), 0);
  });
}

TEST_F(SchedulerTest, StacksOfFinishedFibersAreUsedAgain) {
  std::atomic<int> done{0};
  for (int i = 0; i < 2000; ++i) {
    scheduler_.RunOnFiber([&] { done.fetch_add(1); });
  }
  EXPECT_EQ(done.load(), 2000);
}

TEST_F(SchedulerTest, TenThousandFibersParkedAtOnce) {
  constexpr int kFibers = 10000;
  std::vector<std::unique_ptr<Parker>> parkers;
  std::atomic<int> started{0}, finished{0};
  std::atomic<bool> go{false};
  for (int i = 0; i < kFibers; ++i) {
    parkers.push_back(std::make_unique<Parker>(scheduler_));
    Parker* parker = parkers.back().get();
    ASSERT_TRUE(scheduler_.Spawn([&, parker] {
      started.fetch_add(1);
      while (!go.load()) parker->Park();
      finished.fetch_add(1);
    }));
  }
  scheduler_.RunOnFiber([&] {
    while (started.load() != kFibers) scheduler_.Yield();
    go.store(true);
    for (auto& parker : parkers) parker->Unpark();
    while (finished.load() != kFibers) scheduler_.Yield();
  });
  EXPECT_EQ(finished.load(), kFibers);
}

// A receiver whose events the test produces: each event wakes the next fiber that waits for one.
class TestReceiver : public platform::Receiver {
 public:
  explicit TestReceiver(Scheduler& scheduler) : scheduler_(scheduler) {}

  Outcome Receive() override {
    base::MutexLock lock(mutex_);
    while (events_ == 0 && !interrupted_) ready_.Wait(mutex_);
    if (interrupted_) return Outcome::kInterrupted;
    --events_;
    if (waiting_ != nullptr) scheduler_.Wake(std::exchange(waiting_, nullptr));
    return Outcome::kDispatched;
  }
  void Interrupt() override {
    base::MutexLock lock(mutex_);
    interrupted_ = true;
    ready_.NotifyAll();
  }
  bool Tick(int64_t) override { return false; }

  // Parks the calling fiber until an event.
  void WaitForEvent() {
    {
      base::MutexLock lock(mutex_);
      waiting_ = scheduler_.Current();
    }
    scheduler_.Park(
        [](void* argument) {
          auto* self = static_cast<TestReceiver*>(argument);
          base::MutexLock lock(self->mutex_);
          ++self->events_;
          self->ready_.NotifyAll();
        },
        this);
  }

 private:
  static inline constinit base::LockClass kLock{"TestReceiver"};
  Scheduler& scheduler_;
  base::Mutex mutex_{kLock};
  base::CondVar ready_;
  int events_ = 0;
  bool interrupted_ = false;
  platform::Executor::Fiber* waiting_ = nullptr;
};

TEST(SchedulerReceiverTest, EventsResumeFibersAndABusyFiberDoesNotKeepTheRole) {
  Scheduler scheduler({.workers = 2});
  TestReceiver receiver(scheduler);
  scheduler.AddReceiver(&receiver);
  scheduler.Start();
  std::atomic<bool> stop{false};
  std::atomic<bool> spinning{false};
  ASSERT_TRUE(scheduler.Spawn([&] {
    spinning.store(true);
    while (!stop.load()) {
    }
  }));
  scheduler.RunOnFiber([&] {
    while (!spinning.load()) scheduler.Yield();
    for (int i = 0; i < 1000; ++i) receiver.WaitForEvent();
  });
  stop.store(true);
  receiver.Interrupt();
  scheduler.Stop();
}

}  // namespace
}  // namespace sentry
