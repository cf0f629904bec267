// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "base/condvar.h"
#include "sentry/sched/scheduler.h"

namespace sentry {
namespace {

// A receiver whose events can only be found by looking.
class PostedEvents : public platform::Receiver {
 public:
  explicit PostedEvents(Scheduler& scheduler) : scheduler_(scheduler) {}

  Outcome Receive() override {
    base::MutexLock lock(mutex_);
    while (!interrupted_) ready_.Wait(mutex_);
    return Outcome::kInterrupted;
  }
  void Interrupt() override {
    base::MutexLock lock(mutex_);
    interrupted_ = true;
    ready_.NotifyAll();
  }
  bool Tick(int64_t) override { return true; }
  uint32_t TakeDemand() override { return demand_.load(); }
  void BeginPolling() override {
    EXPECT_FALSE(polling_.exchange(true));
    sessions_.fetch_add(1);
  }
  bool Poll() override {
    EXPECT_TRUE(polling_.load());
    platform::Executor::Fiber* fiber = posted_.exchange(nullptr);
    if (fiber != nullptr) scheduler_.Wake(fiber);
    return fiber != nullptr;
  }
  void EndPolling() override { EXPECT_TRUE(polling_.exchange(false)); }

  // Parks the calling fiber until somebody looks.
  void WaitToBeFound() {
    std::pair<PostedEvents*, platform::Executor::Fiber*> waiting{this, scheduler_.Current()};
    scheduler_.Park(
        [](void* argument) {
          auto* posted = static_cast<decltype(waiting)*>(argument);
          posted->first->posted_.store(posted->second);
        },
        &waiting);
  }
  void set_demand(uint32_t demand) { demand_.store(demand); }
  int sessions() const { return sessions_.load(); }
  bool polling() const { return polling_.load(); }

 private:
  static inline constinit base::LockClass kLock{"PostedEvents"};
  Scheduler& scheduler_;
  base::Mutex mutex_{kLock};
  base::CondVar ready_;
  bool interrupted_ = false;
  std::atomic<uint32_t> demand_{0};
  std::atomic<platform::Executor::Fiber*> posted_{nullptr};
  std::atomic<bool> polling_{false};
  std::atomic<int> sessions_{0};
};

void FindAll(Scheduler::Spinning spinning, uint32_t demand) {
  Scheduler scheduler({.spinning = spinning, .workers = 3});
  PostedEvents events(scheduler);
  events.set_demand(demand);
  scheduler.AddReceiver(&events);
  scheduler.Start();
  scheduler.RunOnFiber([&] {
    for (int i = 0; i < 1000; ++i) events.WaitToBeFound();
  });
  EXPECT_GT(events.sessions(), 0);
  events.set_demand(0);
  events.Interrupt();
  scheduler.Stop();
  EXPECT_FALSE(events.polling());
}

TEST(SchedulerSpinTest, ASpinnerLooksWhileThereIsDemand) { FindAll(Scheduler::Spinning::kAuto, 1000); }
TEST(SchedulerSpinTest, ASpinnerLooksWhenTold) { FindAll(Scheduler::Spinning::kAlways, 0); }

TEST(SchedulerSpinTest, NobodySpinsWithoutDemand) {
  Scheduler scheduler({.spinning = Scheduler::Spinning::kAuto, .workers = 3});
  PostedEvents events(scheduler);
  scheduler.AddReceiver(&events);
  scheduler.Start();
  scheduler.RunOnFiber([&] {
    for (int i = 0; i < 1000; ++i) scheduler.Yield();
  });
  EXPECT_EQ(events.sessions(), 0);
  events.Interrupt();
  scheduler.Stop();
}

}  // namespace
}  // namespace sentry
