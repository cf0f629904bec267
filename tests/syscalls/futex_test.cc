// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

using Word = std::atomic<uint32_t>;

long Futex(void* word, int operation, uint32_t value, const void* timeout = nullptr, void* second = nullptr,
           uint32_t third = 0) {
  return RawSyscall(SYS_futex, word, operation, value, timeout, second, third);
}

long Wait(Word* word, uint32_t value, const timespec* timeout = nullptr) {
  return Futex(word, FUTEX_WAIT_PRIVATE, value, timeout);
}

// Wakes until `count` waiters have been woken: a waiter may not be waiting yet.
void WakeAll(Word* word, int count, int operation = FUTEX_WAKE_PRIVATE, uint32_t mask = 0) {
  while (count > 0) {
    const long woken = Futex(word, operation, count, nullptr, nullptr, mask);
    ASSERT_GE(woken, 0);
    count -= static_cast<int>(woken);
    if (woken == 0) sched_yield();
  }
}

timespec After(clockid_t clock, long nanoseconds) {
  timespec now;
  clock_gettime(clock, &now);
  now.tv_nsec += nanoseconds;
  now.tv_sec += now.tv_nsec / 1'000'000'000;
  now.tv_nsec %= 1'000'000'000;
  return now;
}

TEST(FutexTest, WaitOnAnotherValueIsEagain) {
  Word word{1};
  EXPECT_THAT(Wait(&word, 2), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(Futex(&word, FUTEX_WAIT, 2), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 2, nullptr, nullptr, ~0u), SyscallFailsWithErrno(EAGAIN));
}

TEST(FutexTest, WakeWithoutWaitersIsZero) {
  Word word{1};
  EXPECT_THAT(Futex(&word, FUTEX_WAKE_PRIVATE, 1), SyscallSucceedsWithValue(0));
  EXPECT_THAT(Futex(&word, FUTEX_WAKE, INT_MAX), SyscallSucceedsWithValue(0));
}

TEST(FutexTest, WaiterIsWoken) {
  Word word{1};
  long result = -2;
  std::thread waiter([&] { result = Wait(&word, 1); });
  WakeAll(&word, 1);
  waiter.join();
  EXPECT_EQ(result, 0);
}

TEST(FutexTest, WakeCountsAndLimits) {
  Word word{1};
  std::atomic<int> woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      if (Wait(&word, 1) == 0) ++woken;
    });
  }
  for (int i = 0; i < 4; ++i) {
    long count;
    while ((count = Futex(&word, FUTEX_WAKE_PRIVATE, 1)) == 0) sched_yield();
    EXPECT_EQ(count, 1);
  }
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(woken, 4);
}

TEST(FutexTest, RelativeTimeoutElapses) {
  Word word{1};
  const timespec timeout = {0, 2'000'000};
  const timespec start = After(CLOCK_MONOTONIC, 2'000'000);
  EXPECT_THAT(Wait(&word, 1, &timeout), SyscallFailsWithErrno(ETIMEDOUT));
  const timespec end = After(CLOCK_MONOTONIC, 0);
  EXPECT_GE((end.tv_sec - start.tv_sec) * 1'000'000'000 + end.tv_nsec - start.tv_nsec, 0);
  const timespec zero = {0, 0};
  EXPECT_THAT(Wait(&word, 1, &zero), SyscallFailsWithErrno(ETIMEDOUT));
}

TEST(FutexTest, BitsetTimeoutIsAbsolute) {
  Word word{1};
  const timespec monotonic = After(CLOCK_MONOTONIC, 1'000'000);
  const timespec realtime = After(CLOCK_REALTIME, 1'000'000);
  const timespec past = {1, 0};
  EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, &monotonic, nullptr, ~0u), SyscallFailsWithErrno(ETIMEDOUT));
  EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &realtime, nullptr, ~0u),
              SyscallFailsWithErrno(ETIMEDOUT));
  EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, &past, nullptr, ~0u), SyscallFailsWithErrno(ETIMEDOUT));
}

TEST(FutexTest, BitsetWakesOnlyMatchingWaiters) {
  Word word{1};
  std::atomic<bool> first_done{false};
  std::thread first([&] {
    EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, nullptr, nullptr, 1), SyscallSucceedsWithValue(0));
    first_done = true;
  });
  std::thread second([&] {
    EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, nullptr, nullptr, 2), SyscallSucceedsWithValue(0));
  });
  WakeAll(&word, 1, FUTEX_WAKE_BITSET_PRIVATE, 2);
  second.join();
  EXPECT_FALSE(first_done);
  WakeAll(&word, 1, FUTEX_WAKE_BITSET_PRIVATE, 1 | 4);
  first.join();
}

TEST(FutexTest, EmptyBitsetIsEinval) {
  Word word{1};
  EXPECT_THAT(Futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1), SyscallFailsWithErrno(EINVAL));
}

TEST(FutexTest, BadWordsAndTimeoutsFail) {
  Word words[2] = {};
  void* unaligned = reinterpret_cast<char*>(words) + 1;
  EXPECT_THAT(Futex(unaligned, FUTEX_WAIT_PRIVATE, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Futex(unaligned, FUTEX_WAKE_PRIVATE, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Futex(BadPointer(), FUTEX_WAIT_PRIVATE, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(Futex(BadPointer(), FUTEX_WAKE, 1), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(Futex(KernelPointer(), FUTEX_WAIT_PRIVATE, 0), SyscallFailsWithErrno(EFAULT));
  const timespec bad = {0, 1'000'000'000};
  const timespec negative = {-1, 0};
  EXPECT_THAT(Wait(words, 0, &bad), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Wait(words, 0, &negative), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Futex(words, FUTEX_WAIT_PRIVATE, 0, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(Futex(words, 99, 0), SyscallFailsWithErrno(ENOSYS));
}

TEST(FutexTest, SignalIsEintr) {
  Word word{1};
  ScopedAction action(SIGUSR1, [](int) {});
  Pester pester(SIGUSR1);
  const timespec timeout = {1000, 0};
  EXPECT_THAT(Wait(&word, 1, &timeout), SyscallFailsWithErrno(EINTR));
}

TEST(FutexTest, SharedWordWorksBetweenProcesses) {
  Mapping page = Mapping::Anonymous(kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED);
  Word* word = new (page.get()) Word(1);
  Child child([&] {
    while (*word == 1) Futex(word, FUTEX_WAIT, 1);
    return static_cast<int>(word->load());
  });
  *word = 5;
  Futex(word, FUTEX_WAKE, INT_MAX);
  EXPECT_THAT(child.Wait(), ExitedWith(5));
}

TEST(FutexTest, PrivateAndSharedKeysOfPrivateMemoryDiffer) {
  Word word{1};
  std::thread waiter([&] { EXPECT_THAT(Wait(&word, 1), SyscallSucceedsWithValue(0)); });
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Futex(&word, FUTEX_WAKE, 1), SyscallSucceedsWithValue(0));
    sched_yield();
  }
  WakeAll(&word, 1);
  waiter.join();
}

TEST(FutexTest, RequeueMovesWaitersToTheOtherWord) {
  Word from{1};
  Word to{1};
  std::atomic<int> woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] {
      if (Wait(&from, 1) == 0) ++woken;
    });
  }
  long moved = 0;
  while (moved < 3) {
    const long count = RawSyscall(SYS_futex, &from, FUTEX_CMP_REQUEUE_PRIVATE, 0, long{INT_MAX}, &to, 1);
    ASSERT_GE(count, 0);
    moved += count;
    if (count == 0) sched_yield();
  }
  EXPECT_EQ(woken, 0);
  EXPECT_THAT(Futex(&from, FUTEX_WAKE_PRIVATE, INT_MAX), SyscallSucceedsWithValue(0));
  EXPECT_THAT(Futex(&to, FUTEX_WAKE_PRIVATE, INT_MAX), SyscallSucceedsWithValue(3));
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(woken, 3);
}

TEST(FutexTest, CmpRequeueOfAnotherValueIsEagain) {
  Word from{1};
  Word to{1};
  EXPECT_THAT(RawSyscall(SYS_futex, &from, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1L, &to, 2), SyscallFailsWithErrno(EAGAIN));
}

TEST(FutexTest, WakeOpChangesTheSecondWordAndWakesBoth) {
  Word first{1};
  Word second{1};
  const uint32_t operation = FUTEX_OP(FUTEX_OP_ADD, 10, FUTEX_OP_CMP_EQ, 1);
  EXPECT_THAT(RawSyscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, operation),
              SyscallSucceedsWithValue(0));
  EXPECT_EQ(second, 11u);
  second = 1;
  std::thread waiter([&] { EXPECT_THAT(Wait(&second, 1), SyscallSucceedsWithValue(0)); });
  const uint32_t keep = FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 1);
  while (RawSyscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, keep) == 0) sched_yield();
  waiter.join();
}

TEST(RobustListTest, DeadOwnersWordIsMarkedAndAWaiterWoken) {
  struct Lock {
    robust_list list;
    Word word;
  };
  static Lock lock;
  static robust_list_head head;
  std::atomic<bool> held{false};
  std::thread owner([&] {
    head.list.next = &lock.list;
    lock.list.next = &head.list;
    head.futex_offset = offsetof(Lock, word);
    lock.word = static_cast<uint32_t>(gettid()) | FUTEX_WAITERS;
    EXPECT_THAT(RawSyscall(SYS_set_robust_list, &head, sizeof(head)), SyscallSucceeds());
    held = true;
  });
  owner.join();
  ASSERT_TRUE(held);
  // join returns when the thread's tid word is cleared, which the kernel does after it has walked the robust list.
  EXPECT_EQ(lock.word & FUTEX_OWNER_DIED, static_cast<uint32_t>(FUTEX_OWNER_DIED));
  EXPECT_EQ(lock.word & FUTEX_TID_MASK, 0u);
}

TEST(RobustListTest, ArgumentsAreChecked) {
  robust_list_head head = {};
  EXPECT_THAT(RawSyscall(SYS_set_robust_list, &head, 1), SyscallFailsWithErrno(EINVAL));
  robust_list_head* found = nullptr;
  size_t size = 0;
  EXPECT_THAT(RawSyscall(SYS_get_robust_list, 0, &found, &size), SyscallSucceeds());
  EXPECT_EQ(size, sizeof(head));
  EXPECT_THAT(RawSyscall(SYS_get_robust_list, 0x3fffffff, &found, &size), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(RawSyscall(SYS_get_robust_list, 0, BadPointer(), &size), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
