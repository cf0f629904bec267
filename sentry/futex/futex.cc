// SPDX-License-Identifier: Apache-2.0
#include "sentry/futex/futex.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "sentry/mm/layout.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/inode.h"

namespace sentry {
namespace {

using base::Errno;

constinit base::LockClass kBucketLock{"FutexTable::Bucket::mutex"};

}  // namespace

struct FutexTable::Bucket {
  base::Mutex mutex{kBucketLock};
  FutexWaiter* head ABSL_GUARDED_BY(mutex) = nullptr;
  FutexWaiter* tail ABSL_GUARDED_BY(mutex) = nullptr;

  void Append(FutexWaiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    waiter.link_ = {.next = nullptr, .previous = tail};
    (tail != nullptr ? tail->link_.next : head) = &waiter;
    tail = &waiter;
  }
  void Remove(FutexWaiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    (waiter.link_.previous != nullptr ? waiter.link_.previous->link_.next : head) = waiter.link_.next;
    (waiter.link_.next != nullptr ? waiter.link_.next->link_.previous : tail) = waiter.link_.previous;
    waiter.link_ = {};
  }
  int Wake(const FutexKey& key, int count, uint32_t bitset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    int woken = 0;
    FutexWaiter* next = nullptr;
    for (FutexWaiter* waiter = head; waiter != nullptr && woken < count; waiter = next) {
      next = waiter->link_.next;
      if ((waiter->bitset_ & bitset) == 0 || !(waiter->key_ == key)) continue;
      Remove(*waiter);
      waiter->state_.store(FutexWaiter::State::kWoken, std::memory_order_release);
      waiter->Notified();
      ++woken;
    }
    return woken;
  }
};

FutexWaiter::~FutexWaiter() { CHECK_INVARIANT(state_.load(std::memory_order_relaxed) != State::kQueued); }

FutexTable::FutexTable() : buckets_(std::make_unique<Bucket[]>(kBuckets)) {}
FutexTable::~FutexTable() = default;

size_t FutexTable::Hash(const FutexKey& key) {
  uint64_t hash = std::hash<const void*>()(key.object) * 0x9e3779b97f4a7c15 + (key.offset >> 2);
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return (hash >> 32) % kBuckets;
}

base::Result<FutexKey> FutexTable::MakeKey(MemoryManager& memory, base::GuestAddr address, bool is_private) {
  if (address.value() % sizeof(uint32_t) != 0) return Errno(EINVAL);
  if (address >= memory.layout().max_address) return Errno(EFAULT);
  FutexKey key{.kind = FutexKey::Kind::kPrivate, .object = &memory, .offset = address.value(), .keep_alive = nullptr};
  if (is_private) return key;
  std::optional<Vma> vma = memory.Find(address);
  if (!vma) return Errno(EFAULT);
  if (!vma->shared) {
    key.kind = FutexKey::Kind::kPrivateMapping;
    return key;
  }
  key.kind = FutexKey::Kind::kShared;
  key.offset = vma->offset + (address - vma->range.begin);
  if (vma->kind == VmaKind::kFile && vma->file->path()) {
    key.object = &vma->file->inode();
    key.keep_alive = vma->file;
  } else {
    key.object = vma->mappable.get();
    key.keep_alive = vma->mappable;
  }
  return key;
}

base::Result<void> FutexTable::Enqueue(FutexWaiter& waiter, FutexKey key, FutexWord word, uint32_t expected,
                                       uint32_t bitset) {
  size_t index = Hash(key);
  Bucket& bucket = buckets_[index];
  base::MutexLock lock(bucket.mutex);
  uint32_t value = TRY(word.space.LoadWord(word.address));
  if (value != expected) return Errno(EAGAIN);
  waiter.key_ = std::move(key);
  waiter.bitset_ = bitset;
  waiter.bucket_.store(index, std::memory_order_relaxed);
  waiter.state_.store(FutexWaiter::State::kQueued, std::memory_order_relaxed);
  bucket.Append(waiter);
  return {};
}

bool FutexTable::Dequeue(FutexWaiter& waiter) {
  while (true) {
    size_t index = waiter.bucket_.load(std::memory_order_acquire);
    Bucket& bucket = buckets_[index];
    // The lock also waits for a waker that is still in Notified.
    base::MutexLock lock(bucket.mutex);
    if (waiter.bucket_.load(std::memory_order_relaxed) != index) continue;  // Requeued meanwhile.
    bool woken = waiter.state_.load(std::memory_order_relaxed) == FutexWaiter::State::kWoken;
    if (!woken) bucket.Remove(waiter);
    waiter.state_.store(FutexWaiter::State::kIdle, std::memory_order_relaxed);
    return woken;
  }
}

int FutexTable::Wake(const FutexKey& key, int count, uint32_t bitset) {
  Bucket& bucket = buckets_[Hash(key)];
  base::MutexLock lock(bucket.mutex);
  return bucket.Wake(key, count, bitset);
}

template <typename Body>
auto FutexTable::WithBoth(const FutexKey& first, const FutexKey& second, Body body) {
  size_t a = Hash(first), b = Hash(second);
  Bucket& one = buckets_[std::min(a, b)];
  base::MutexLock lock(one.mutex);
  if (a == b) return body(one, one, b);
  // Two locks of one class: by index.
  base::LockOrder::ScopedNested nested;
  base::MutexLock other_lock(buckets_[std::max(a, b)].mutex);
  return body(buckets_[a], buckets_[b], b);
}

base::Result<FutexTable::Requeued> FutexTable::Requeue(const FutexKey& from, const FutexKey& to, int wake, int requeue,
                                                       const std::optional<Compare>& compare) {
  return WithBoth(from, to, [&](Bucket& source, Bucket& target, size_t target_index) -> base::Result<Requeued> {
    source.mutex.AssertHeld();
    target.mutex.AssertHeld();
    if (compare && TRY(compare->word.space.LoadWord(compare->word.address)) != compare->expected) return Errno(EAGAIN);
    Requeued done;
    done.woken = source.Wake(from, wake, base::abi::kFutexBitsetMatchAny);
    if (from == to) {
      for (FutexWaiter* waiter = source.head; waiter != nullptr && done.moved < requeue; waiter = waiter->link_.next) {
        if (waiter->key_ == from) ++done.moved;
      }
      return done;
    }
    FutexWaiter* next = nullptr;
    for (FutexWaiter* waiter = source.head; waiter != nullptr && done.moved < requeue; waiter = next) {
      next = waiter->link_.next;
      if (!(waiter->key_ == from)) continue;
      source.Remove(*waiter);
      waiter->key_ = to;
      waiter->bucket_.store(target_index, std::memory_order_release);
      target.Append(*waiter);
      ++done.moved;
    }
    return done;
  });
}

namespace {

// The operation of FUTEX_WAKE_OP: what it makes of a word, and whether the old word compares. FUTEX_OP_* of futex(2).
struct WakeOperation {
  static constexpr uint32_t kShiftArgument = 8;

  uint32_t operation, comparison, argument, comparand;

  static base::Result<WakeOperation> Decode(uint32_t encoded) {
    auto sign_extend = [](uint32_t value) { return (value & 0x800) != 0 ? value | 0xfffff000 : value; };
    WakeOperation decoded{.operation = (encoded >> 28) & 0x7,
                          .comparison = (encoded >> 24) & 0xf,
                          .argument = sign_extend((encoded >> 12) & 0xfff),
                          .comparand = sign_extend(encoded & 0xfff)};
    if (((encoded >> 28) & kShiftArgument) != 0) decoded.argument = uint32_t{1} << (decoded.argument & 31);
    if (decoded.operation > 4 || decoded.comparison > 5) return Errno(ENOSYS);
    return decoded;
  }
  uint32_t Apply(uint32_t old) const {
    const std::array<uint32_t, 5> results = {argument, old + argument, old | argument, old & ~argument, old ^ argument};
    return results[operation];
  }
  bool Compares(uint32_t old) const {
    int32_t left = static_cast<int32_t>(old), right = static_cast<int32_t>(comparand);
    const std::array<bool, 6> results = {left == right, left != right, left<right, left <= right, left> right,
                                         left >= right};
    return results[comparison];
  }
};

// Changes a word in guest memory to `change(word)` atomically; returns what it was. May park.
template <typename Change>
base::Result<uint32_t> AtomicUpdate(FutexWord word, Change change) {
  uint32_t seen = TRY(word.space.LoadWord(word.address));
  while (true) {
    uint32_t found = TRY(word.space.CompareExchangeWord(word.address, seen, change(seen)));
    if (found == seen) return seen;
    seen = found;
  }
}

}  // namespace

// Linux changes the word and wakes under both buckets' locks. Here the change comes first, as it may park: a waiter
// that queues in between has seen the new value, and may be woken for nothing. Older waiters are woken before it.
base::Result<int> FutexTable::WakeOp(const FutexKey& first, const FutexKey& second, FutexWord second_word, int wake,
                                     int wake_second, uint32_t operation) {
  WakeOperation decoded = TRY(WakeOperation::Decode(operation));
  uint32_t old = TRY(AtomicUpdate(second_word, [&](uint32_t value) { return decoded.Apply(value); }));
  return WithBoth(first, second, [&](Bucket& one, Bucket& two, size_t) {
    one.mutex.AssertHeld();
    two.mutex.AssertHeld();
    int woken = one.Wake(first, wake, base::abi::kFutexBitsetMatchAny);
    if (decoded.Compares(old)) woken += two.Wake(second, wake_second, base::abi::kFutexBitsetMatchAny);
    return woken;
  });
}

namespace {

void WakeShared(FutexTable& table, MemoryManager& memory, base::GuestAddr address) {
  base::Result<FutexKey> key = FutexTable::MakeKey(memory, address, false);
  if (key.ok()) table.Wake(*key, 1);
}

// Marks one mutex (Linux: handle_futex_death). `pending`: the list's list_op_pending. May park.
base::Result<void> MarkOwnerDied(FutexTable& table, MemoryManager& memory, base::GuestAddr address, base::Tid tid,
                                 bool pending) {
  using base::abi::kFutexOwnerDied, base::abi::kFutexTidMask, base::abi::kFutexWaiters;
  if (address.value() % sizeof(uint32_t) != 0 || address >= memory.layout().max_address) return Errno(EFAULT);
  FutexWord word{memory.address_space(), address};
  uint32_t seen = TRY(word.space.LoadWord(address));
  // An unlock or lock that was cut short between the word and the list: somebody must look at the word again.
  if (pending && seen == 0) {
    WakeShared(table, memory, address);
    return {};
  }
  while ((seen & kFutexTidMask) == static_cast<uint32_t>(tid.value())) {
    uint32_t found = TRY(word.space.CompareExchangeWord(address, seen, (seen & kFutexWaiters) | kFutexOwnerDied));
    if (found == seen) {
      if ((seen & kFutexWaiters) != 0) WakeShared(table, memory, address);
      return {};
    }
    seen = found;
  }
  return {};
}

}  // namespace

void ClearChildTid(FutexTable& table, MemoryManager& memory, base::GuestAddr address) {
  if (address.is_null()) return;
  (void)UserOut<uint32_t>(address).Write(memory.memory(), 0);
  WakeShared(table, memory, address);
}

void ReleaseRobustList(FutexTable& table, MemoryManager& memory, base::GuestAddr head, base::Tid tid) {
  if (head.is_null()) return;
  auto fixed = UserIn<base::abi::RobustListHead>(head).Read(memory.memory());
  if (!fixed.ok()) return;
  // Bit 0 marks priority inheritance, which does not exist here: such a mutex is treated as any other.
  auto futex_of = [&](uint64_t entry) {
    return base::GuestAddr((entry & ~uint64_t{1}) + static_cast<uint64_t>(fixed->futex_offset));
  };
  const uint64_t pending = fixed->list_op_pending & ~uint64_t{1};
  uint64_t entry = fixed->list;
  for (int count = 0; (entry & ~uint64_t{1}) != head.value() && count < base::abi::kRobustListLimit; ++count) {
    // The next entry is read first: once marked, the mutex may be freed by its next owner.
    auto next = UserIn<uint64_t>(base::GuestAddr(entry & ~uint64_t{1})).Read(memory.memory());
    if ((entry & ~uint64_t{1}) != pending && !MarkOwnerDied(table, memory, futex_of(entry), tid, false).ok()) return;
    if (!next.ok()) return;
    entry = *next;
  }
  if (pending != 0) (void)MarkOwnerDied(table, memory, futex_of(pending), tid, true);
}

}  // namespace sentry
