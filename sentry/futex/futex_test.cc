// SPDX-License-Identifier: Apache-2.0
#include "sentry/futex/futex.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include "sentry/mm/memory_manager.h"
#include "sentry/mm/testing/fake_file.h"
#include "sentry/mm/testing/fake_platform.h"

namespace sentry {
namespace {

using base::GuestAddr;
using base::kPageSize;
using base::abi::kFutexOwnerDied;
using base::abi::kFutexWaiters;

class TestWaiter final : public FutexWaiter {
 public:
  void Notified() override { semaphore_.release(); }
  void Wait() { semaphore_.acquire(); }

 private:
  std::binary_semaphore semaphore_{0};
};

class FutexTest : public testing::Test {
 protected:
  FutexTest() : memory_(NewMemory()) {}

  base::RefPtr<MemoryManager> NewMemory() {
    LayoutRandom none = LayoutRandom::Disabled();
    MemoryLayout layout = MemoryLayout::Create(platform_.min_address(), platform_.max_address(), 8 << 20, none);
    return MemoryManager::Create({.container = &container_, .make_lock = MakePlainMemoryLock},
                                 MUST(container_.NewAddressSpace()), layout);
  }
  GuestAddr Map(MemoryManager& memory, int flags, vfs::FileDescription* file = nullptr, uint64_t offset = 0) {
    return MUST(memory.Map(
        context_,
        {.length = 2 * kPageSize, .protection = PROT_READ | PROT_WRITE, .flags = flags, .file = file, .offset = offset},
        MemoryLimits()));
  }
  void Store(GuestAddr address, uint32_t value) { MUST(UserOut<uint32_t>(address).Write(memory_->memory(), value)); }
  uint32_t Load(GuestAddr address) { return MUST(UserIn<uint32_t>(address).Read(memory_->memory())); }
  FutexWord Word(GuestAddr address) { return {memory_->address_space(), address}; }
  FutexKey Key(GuestAddr address, bool is_private = true) {
    return MUST(FutexTable::MakeKey(*memory_, address, is_private));
  }
  void Queue(FutexWaiter& waiter, GuestAddr address, uint32_t bitset = base::abi::kFutexBitsetMatchAny) {
    MUST(table_.Enqueue(waiter, Key(address), Word(address), Load(address), bitset));
  }

  FakePlatform platform_;
  FakeContainer container_;
  FakeContext context_;
  FutexTable table_;
  base::RefPtr<MemoryManager> memory_;
};

TEST_F(FutexTest, EnqueueComparesTheWord) {
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  Store(word, 5);
  TestWaiter waiter;
  EXPECT_EQ(table_.Enqueue(waiter, Key(word), Word(word), 4, 1).error().code(), EAGAIN);
  EXPECT_FALSE(waiter.woken());
  EXPECT_EQ(table_.Wake(Key(word), 1), 0);
  ASSERT_TRUE(table_.Enqueue(waiter, Key(word), Word(word), 5, 1).ok());
  EXPECT_EQ(table_.Wake(Key(word), 1), 1);
  EXPECT_TRUE(waiter.woken());
  EXPECT_TRUE(table_.Dequeue(waiter));
}

TEST_F(FutexTest, UnreadableWordFaults) {
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  TestWaiter waiter;
  const GuestAddr hole = word + 64 * kPageSize;
  EXPECT_EQ(table_.Enqueue(waiter, Key(hole), Word(hole), 0, 1).error().code(), EFAULT);
  EXPECT_EQ(FutexTable::MakeKey(*memory_, hole, false).error().code(), EFAULT);
  EXPECT_EQ(FutexTable::MakeKey(*memory_, word + 2, true).error().code(), EINVAL);
  EXPECT_EQ(FutexTable::MakeKey(*memory_, platform_.max_address(), true).error().code(), EFAULT);
}

TEST_F(FutexTest, WakesOldestFirstAndByBitset) {
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  TestWaiter one, two, three;
  Queue(one, word, 1);
  Queue(two, word, 2);
  Queue(three, word, 1);
  EXPECT_EQ(table_.Wake(Key(word), 1, 4), 0);
  EXPECT_EQ(table_.Wake(Key(word), 1, 2), 1);
  EXPECT_TRUE(two.woken());
  EXPECT_EQ(table_.Wake(Key(word), 1), 1);
  EXPECT_TRUE(one.woken());
  EXPECT_FALSE(table_.Dequeue(three));
  EXPECT_EQ(table_.Wake(Key(word), 10), 0);
  EXPECT_TRUE(table_.Dequeue(one) && table_.Dequeue(two));
}

TEST_F(FutexTest, PrivateAndSharedCallsDoNotMeet) {
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  EXPECT_FALSE(Key(word, true) == Key(word, false));
  EXPECT_TRUE(Key(word, false) == Key(word, false));
  auto other = NewMemory();
  MUST(other->Map(
      context_,
      {.address = word, .length = kPageSize, .protection = 3, .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED},
      MemoryLimits()));
  EXPECT_FALSE(Key(word, false) == MUST(FutexTable::MakeKey(*other, word, false)));
  EXPECT_FALSE(Key(word, true) == MUST(FutexTable::MakeKey(*other, word, true)));
}

TEST_F(FutexTest, SharedMemoryIsOneFutexInParentAndChild) {
  GuestAddr word = Map(*memory_, MAP_SHARED | MAP_ANONYMOUS);
  MemoryManager::Forked child = MUST(memory_->Fork({}, {}));
  EXPECT_TRUE(Key(word, false) == MUST(FutexTable::MakeKey(*child.memory, word, false)));
  EXPECT_FALSE(Key(word, true) == MUST(FutexTable::MakeKey(*child.memory, word, true)));
}

TEST_F(FutexTest, FileFutexIsKnownByItsOffset) {
  auto file = FakeFile::Create(std::string(8 * kPageSize, 'x'), O_RDWR);
  // The same Mappable stands behind all mappings of an inode; here one mapping seen at two addresses.
  GuestAddr one = Map(*memory_, MAP_SHARED, file.get(), kPageSize);
  GuestAddr two = MUST(memory_->Remap(one, 0, kPageSize, MREMAP_MAYMOVE, GuestAddr(), MemoryLimits()));
  ASSERT_NE(one, two);
  EXPECT_TRUE(Key(one + 8, false) == Key(two + 8, false));
  EXPECT_FALSE(Key(one + 8, false) == Key(two + 12, false));
  EXPECT_EQ(Key(one + 8, false).offset, kPageSize + 8);
}

TEST_F(FutexTest, RequeueWakesThenMoves) {
  GuestAddr from = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  GuestAddr to = from + 64;
  std::array<TestWaiter, 5> waiters;
  for (TestWaiter& waiter : waiters) Queue(waiter, from);
  FutexTable::Compare compare{Word(from), 1};
  EXPECT_EQ(table_.Requeue(Key(from), Key(to), 1, 2, compare).error().code(), EAGAIN);
  compare.expected = 0;
  FutexTable::Requeued done = MUST(table_.Requeue(Key(from), Key(to), 1, 2, compare));
  EXPECT_EQ(done.woken, 1);
  EXPECT_EQ(done.moved, 2);
  EXPECT_TRUE(waiters[0].woken());
  EXPECT_EQ(table_.Wake(Key(to), 10), 2);
  EXPECT_TRUE(waiters[1].woken() && waiters[2].woken());
  EXPECT_EQ(table_.Wake(Key(from), 10), 2);
  for (TestWaiter& waiter : waiters) EXPECT_TRUE(table_.Dequeue(waiter));
}

TEST_F(FutexTest, MovedWaiterMayGiveUp) {
  GuestAddr from = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  TestWaiter waiter;
  Queue(waiter, from);
  EXPECT_EQ(MUST(table_.Requeue(Key(from), Key(from + 4), 0, 1, std::nullopt)).moved, 1);
  EXPECT_FALSE(table_.Dequeue(waiter));
  EXPECT_EQ(table_.Wake(Key(from + 4), 1), 0);
}

// FUTEX_OP(op, oparg, cmp, cmparg) of futex(2).
uint32_t Op(uint32_t op, uint32_t argument, uint32_t comparison, uint32_t comparand) {
  return (op << 28) | (comparison << 24) | ((argument & 0xfff) << 12) | (comparand & 0xfff);
}

TEST_F(FutexTest, WakeOpChangesAndCompares) {
  struct Case {
    uint32_t before, operation, after;
    bool second;
  };
  const Case cases[] = {
      {7, Op(0, 3, 0, 7), 3, true},             // Set; ==
      {7, Op(1, 3, 1, 7), 10, false},           // Add; !=
      {5, Op(2, 10, 2, 6), 15, true},           // Or; <
      {7, Op(3, 2, 3, 6), 5, false},            // And not; <=
      {7, Op(4, 1, 4, 6), 6, true},             // Xor; >
      {7, Op(0 | 8, 4, 5, 7), 16, true},        // Set, argument shifted; >=
      {0, Op(1, 0xfff, 2, 0xfff), ~0u, false},  // Arguments are signed: -1; 0 < -1 is false
      {~0u, Op(0, 0x7ff, 2, 0), 0x7ff, true},   // The word is compared as a signed number.
  };
  GuestAddr first = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  GuestAddr second = first + 4;
  for (const Case& c : cases) {
    TestWaiter one, two;
    Store(second, c.before);
    Queue(one, first);
    Queue(two, second);
    int woken = MUST(table_.WakeOp(Key(first), Key(second), Word(second), 1, 1, c.operation));
    EXPECT_EQ(Load(second), c.after);
    EXPECT_EQ(woken, c.second ? 2 : 1) << std::hex << c.operation;
    EXPECT_TRUE(table_.Dequeue(one));
    EXPECT_EQ(table_.Dequeue(two), c.second);
  }
  EXPECT_EQ(table_.WakeOp(Key(first), Key(second), Word(second), 1, 1, Op(5, 0, 0, 0)).error().code(), ENOSYS);
  EXPECT_EQ(table_.WakeOp(Key(first), Key(second), Word(second), 1, 1, Op(0, 0, 6, 0)).error().code(), ENOSYS);
  EXPECT_EQ(table_.WakeOp(Key(first), Key(second), Word(first + 9 * kPageSize), 1, 1, Op(0, 0, 0, 0)).error().code(),
            EFAULT);
}

TEST_F(FutexTest, ClearChildTidWakesOneSharedWaiter) {
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  Store(word, 17);
  TestWaiter waiter;
  MUST(table_.Enqueue(waiter, Key(word, false), Word(word), 17, base::abi::kFutexBitsetMatchAny));
  ClearChildTid(table_, *memory_, word);
  EXPECT_EQ(Load(word), 0u);
  EXPECT_TRUE(table_.Dequeue(waiter));
  ClearChildTid(table_, *memory_, GuestAddr(12));
  ClearChildTid(table_, *memory_, GuestAddr(0));
}

TEST_F(FutexTest, RobustListMarksWhatTheThreadHolds) {
  GuestAddr page = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  GuestMemory& memory = memory_->memory();
  const uint64_t base = page.value();
  // Head at the page's begin; entries at +64, +128, +192, each with its word 16 bytes further; +256 is pending.
  MUST(UserOut<base::abi::RobustListHead>(page).Write(memory, {base + 64, 16, base + 256}));
  for (uint64_t entry : {64, 128}) MUST(UserOut<uint64_t>(page + entry).Write(memory, base + entry + 64));
  MUST(UserOut<uint64_t>(page + 192).Write(memory, base));
  Store(page + 64 + 16, 100);
  Store(page + 128 + 16, 101);  // Somebody else's.
  Store(page + 192 + 16, 100 | kFutexWaiters);
  Store(page + 256 + 16, 100);
  TestWaiter waiter;
  MUST(table_.Enqueue(waiter, Key(page + 192 + 16, false), Word(page + 192 + 16), 100 | kFutexWaiters, 1));
  ReleaseRobustList(table_, *memory_, page, base::Tid(100));
  EXPECT_EQ(Load(page + 64 + 16), kFutexOwnerDied);
  EXPECT_EQ(Load(page + 128 + 16), 101u);
  EXPECT_EQ(Load(page + 192 + 16), kFutexOwnerDied | kFutexWaiters);
  EXPECT_EQ(Load(page + 256 + 16), kFutexOwnerDied);
  EXPECT_TRUE(table_.Dequeue(waiter));
}

TEST_F(FutexTest, RobustListThatLoopsOrFaultsEnds) {
  GuestAddr page = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  GuestMemory& memory = memory_->memory();
  MUST(UserOut<base::abi::RobustListHead>(page).Write(memory, {page.value() + 64, 16, 0}));
  MUST(UserOut<uint64_t>(page + 64).Write(memory, page.value() + 64));
  ReleaseRobustList(table_, *memory_, page, base::Tid(100));
  MUST(UserOut<uint64_t>(page + 64).Write(memory, 8));
  ReleaseRobustList(table_, *memory_, page, base::Tid(100));
  ReleaseRobustList(table_, *memory_, GuestAddr(8), base::Tid(100));
}

// A mutex as in "Futexes Are Tricky", and threads that fight for it: a lost wake-up would hang the test.
TEST_F(FutexTest, NoWakeUpIsLost) {
  constexpr int kThreads = 4, kRounds = 2000;
  GuestAddr word = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  platform::AddressSpace& space = memory_->address_space();
  auto exchange = [&](uint32_t desired) {
    uint32_t seen = MUST(space.LoadWord(word));
    for (uint32_t found; (found = MUST(space.CompareExchangeWord(word, seen, desired))) != seen;) seen = found;
    return seen;
  };
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        if (MUST(space.CompareExchangeWord(word, 0, 1)) != 0) {
          while (exchange(2) != 0) {
            TestWaiter waiter;
            if (!table_.Enqueue(waiter, Key(word), Word(word), 2, base::abi::kFutexBitsetMatchAny).ok()) continue;
            waiter.Wait();
            EXPECT_TRUE(table_.Dequeue(waiter));
          }
        }
        ++counter;
        if (exchange(0) == 2) table_.Wake(Key(word), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, kThreads * kRounds);
}

// Waiters give up while others wake and move them: each is either woken or was still queued, never both or neither.
TEST_F(FutexTest, GivingUpRacesWithWakingAndMoving) {
  constexpr int kRounds = 3000;
  GuestAddr from = Map(*memory_, MAP_PRIVATE | MAP_ANONYMOUS);
  GuestAddr to = from + 4;
  std::atomic<int> woken_by_waker{0};
  int woken_seen = 0;
  std::atomic<bool> stop{false};
  std::thread waker([&] {
    while (!stop) {
      woken_by_waker += MUST(table_.Requeue(Key(from), Key(to), 0, 1, std::nullopt)).woken;
      woken_by_waker += table_.Wake(Key(to), 1);
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    TestWaiter waiter;
    Queue(waiter, from);
    if (round % 3 == 0) std::this_thread::yield();
    if (table_.Dequeue(waiter)) ++woken_seen;
  }
  stop = true;
  waker.join();
  EXPECT_EQ(woken_by_waker, woken_seen);
}

}  // namespace
}  // namespace sentry
