// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

TEST(PthreadTest, CreateAndJoinReturnTheResult) {
  for (intptr_t i = 0; i < 200; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, nullptr, [](void* argument) { return argument; }, reinterpret_cast<void*>(i)),
              0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    ASSERT_EQ(reinterpret_cast<intptr_t>(result), i);
  }
}

TEST(PthreadTest, HundredThreadsAtOnceHaveTheirOwnTidsAndStorage) {
  constexpr int kThreads = 100;
  static thread_local int own = 0;
  std::mutex mutex;
  std::set<pid_t> tids;
  std::atomic<int> arrived{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_EQ(own, 0);
      own = i;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        tids.insert(gettid());
      }
      ++arrived;
      while (arrived < kThreads) sched_yield();
      EXPECT_EQ(own, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tids.size(), static_cast<size_t>(kThreads));
}

TEST(PthreadTest, MutexKeepsACounterExact) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  std::mutex mutex;
  int64_t counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kRounds; ++k) {
        const std::lock_guard<std::mutex> lock(mutex);
        counter = counter + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, int64_t{kThreads} * kRounds);
}

TEST(PthreadTest, CondvarPingPongLosesNoWakeup) {
  constexpr int kRounds = 2000;
  std::mutex mutex;
  std::condition_variable turn_changed;
  int turn = 0;
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      turn_changed.wait(lock, [&] { return turn == 1; });
      turn = 0;
      turn_changed.notify_one();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    std::unique_lock<std::mutex> lock(mutex);
    turn_changed.wait(lock, [&] { return turn == 0; });
    turn = 1;
    turn_changed.notify_one();
  }
  other.join();
  EXPECT_EQ(turn, 0);
}

TEST(PthreadTest, BoundedQueueDeliversEverythingOnce) {
  constexpr int kProducers = 3;
  constexpr int kConsumers = 3;
  constexpr int kItems = 1000;
  constexpr size_t kCapacity = 4;
  std::mutex mutex;
  std::condition_variable not_full;
  std::condition_variable not_empty;
  std::vector<int> queue;
  std::atomic<int64_t> sum{0};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kItems; ++i) {
        std::unique_lock<std::mutex> lock(mutex);
        not_full.wait(lock, [&] { return queue.size() < kCapacity; });
        queue.push_back(p * kItems + i);
        not_empty.notify_one();
      }
    });
  }
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&] {
      for (int i = 0; i < kItems; ++i) {
        std::unique_lock<std::mutex> lock(mutex);
        not_empty.wait(lock, [&] { return !queue.empty(); });
        sum += queue.back();
        queue.pop_back();
        ++taken;
        not_full.notify_one();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kProducers * kItems);
  constexpr int64_t kCount = kProducers * kItems;
  EXPECT_EQ(sum, kCount * (kCount - 1) / 2);
}

TEST(PthreadTest, TimedWaitTimesOut) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock<std::mutex> lock(mutex);
  EXPECT_FALSE(never.wait_for(lock, std::chrono::milliseconds(2), [] { return false; }));
  pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&held);
  timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  int result = 0;
  std::thread([&] { result = pthread_mutex_timedlock(&held, &deadline); }).join();
  EXPECT_EQ(result, ETIMEDOUT);
  pthread_mutex_unlock(&held);
}

TEST(PthreadTest, BarrierReleasesAllTogether) {
  constexpr int kThreads = 5;
  constexpr int kRounds = 100;
  pthread_barrier_t barrier;
  ASSERT_EQ(pthread_barrier_init(&barrier, nullptr, kThreads), 0);
  std::atomic<int> serial{0};
  std::atomic<int> entered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        ++entered;
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
        EXPECT_GE(entered, (round + 1) * kThreads);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(serial, kRounds);
  pthread_barrier_destroy(&barrier);
}

TEST(PthreadTest, ProcessSharedMutexAndSemaphoreWorkAcrossFork) {
  struct Shared {
    pthread_mutex_t mutex;
    sem_t done;
    int counter;
  };
  Mapping page = Mapping::Anonymous(kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED);
  Shared* shared = page.as<Shared>();
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ASSERT_EQ(pthread_mutex_init(&shared->mutex, &attributes), 0);
  ASSERT_EQ(sem_init(&shared->done, 1, 0), 0);
  auto count = [shared] {
    for (int i = 0; i < 5000; ++i) {
      pthread_mutex_lock(&shared->mutex);
      shared->counter = shared->counter + 1;
      pthread_mutex_unlock(&shared->mutex);
    }
    sem_post(&shared->done);
    return 0;
  };
  Child first(count);
  Child second(count);
  for (int i = 0; i < 2; ++i) {
    while (sem_wait(&shared->done) != 0) {
    }
  }
  EXPECT_EQ(shared->counter, 10'000);
  EXPECT_THAT(first.Wait(), ExitedWith(0));
  EXPECT_THAT(second.Wait(), ExitedWith(0));
}

TEST(PthreadTest, RobustMutexReportsADeadOwner) {
  Mapping page = Mapping::Anonymous(kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED);
  pthread_mutex_t* mutex = page.as<pthread_mutex_t>();
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ASSERT_EQ(pthread_mutex_init(mutex, &attributes), 0);
  EXPECT_THAT(RunInChild([&] { return pthread_mutex_lock(mutex); }), ExitedWith(0));
  EXPECT_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
  EXPECT_EQ(pthread_mutex_consistent(mutex), 0);
  EXPECT_EQ(pthread_mutex_unlock(mutex), 0);
}

TEST(PthreadTest, CancelEndsABlockedThread) {
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  for (;;) pause();
                },
                nullptr),
            0);
  ASSERT_EQ(pthread_cancel(thread), 0);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
}

}  // namespace
}  // namespace tests
