// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/abi/futex.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"

namespace sentry {

class FutexTable;
class MemoryManager;

// What a futex word is: two words are the same futex iff their keys are equal (Linux: union futex_key).
struct FutexKey {
  enum class Kind : uint8_t {
    kPrivate,         // FUTEX_PRIVATE_FLAG: an address of one memory.
    kPrivateMapping,  // No flag, but the word lies in a private mapping: as above, yet not the same futex.
    kShared,          // A place in a file or in shared memory, wherever it is mapped.
  };
  Kind kind = Kind::kPrivate;
  const void* object = nullptr;               // The MemoryManager, or the identity of what is mapped.
  uint64_t offset = 0;                        // The address, or the offset in the file.
  base::RefPtr<base::RefCounted> keep_alive;  // kShared: keeps `object` from being reused.

  friend bool operator==(const FutexKey& a, const FutexKey& b) {
    return a.kind == b.kind && a.object == b.object && a.offset == b.offset;
  }
};

// A word in guest memory and what a waiter expects there.
struct FutexWord {
  platform::AddressSpace& space;
  base::GuestAddr address;
};

// One task waiting for one futex. Lives in the waiting call's frame. Not queued when constructed and when destroyed.
class FutexWaiter {
 public:
  FutexWaiter() = default;
  FutexWaiter(const FutexWaiter&) = delete;
  FutexWaiter& operator=(const FutexWaiter&) = delete;
  virtual ~FutexWaiter();

  // Called once, when the waiter was taken off its queue by a waker; the bucket's lock is held: must not block and must
  // not touch the table. Typically wakes a fiber.
  virtual void Notified() = 0;
  // Whether a waker took it off. Any thread.
  bool woken() const { return state_.load(std::memory_order_acquire) == State::kWoken; }

 private:
  friend class FutexTable;
  struct Link {
    FutexWaiter* next = nullptr;
    FutexWaiter* previous = nullptr;
  };
  enum class State : uint8_t { kIdle, kQueued, kWoken };

  // Guarded by the bucket's mutex; `bucket_` changes only under both buckets' (requeue).
  Link link_;
  FutexKey key_;
  uint32_t bitset_ = 0;
  std::atomic<size_t> bucket_{0};
  std::atomic<State> state_{State::kIdle};
};

// All futexes of a sandbox. Thread-safe; nothing here parks or sleeps but where it says so.
//
// Why no wake-up is lost: a waiter loads the word and queues itself under the bucket's lock; a waker has changed the
// word before it takes that lock. So either the waiter sees the new value, or the waker sees the waiter.
// Lock order: buckets by index (the only two locks of one class held together); nothing else is taken inside.
class FutexTable {
 public:
  FutexTable();
  ~FutexTable();

  // The key of a word. `is_private`: FUTEX_PRIVATE_FLAG. EINVAL: not aligned to 4 bytes. EFAULT: not mapped, or not in
  // user space.
  static base::Result<FutexKey> MakeKey(MemoryManager& memory, base::GuestAddr address, bool is_private);

  // FUTEX_WAIT, FUTEX_WAIT_BITSET: queues the waiter if the word holds `expected`. EAGAIN: it does not. EFAULT.
  base::Result<void> Enqueue(FutexWaiter& waiter, FutexKey key, FutexWord word, uint32_t expected, uint32_t bitset);
  // Takes the waiter off if it is still queued; true when it had been woken instead. Must be called after every
  // successful Enqueue, before the waiter goes.
  bool Dequeue(FutexWaiter& waiter);

  // FUTEX_WAKE, FUTEX_WAKE_BITSET: wakes at most `count` waiters whose bitset meets `bitset`, oldest first.
  int Wake(const FutexKey& key, int count, uint32_t bitset = base::abi::kFutexBitsetMatchAny);
  // FUTEX_REQUEUE, FUTEX_CMP_REQUEUE (with `compare`: EAGAIN when the word differs): wakes `wake` waiters of `from` and
  // moves `requeue` more to `to`. The guest is told the sum.
  struct Requeued {
    int woken = 0;
    int moved = 0;
  };
  struct Compare {
    FutexWord word;
    uint32_t expected;
  };
  base::Result<Requeued> Requeue(const FutexKey& from, const FutexKey& to, int wake, int requeue,
                                 const std::optional<Compare>& compare);
  // FUTEX_WAKE_OP: changes the word of `second` as `operation` says (atomically), wakes `wake` waiters of `first` and,
  // if the old value compares, `wake_second` of `second`. ENOSYS: unknown operation or comparison; EFAULT. May park.
  base::Result<int> WakeOp(const FutexKey& first, const FutexKey& second, FutexWord second_word, int wake,
                           int wake_second, uint32_t operation);

 private:
  struct Bucket;
  static constexpr size_t kBuckets = 256;

  static size_t Hash(const FutexKey& key);
  // Calls `body(bucket of first, bucket of second, index of the latter)` with both locked.
  template <typename Body>
  auto WithBoth(const FutexKey& first, const FutexKey& second, Body body);

  const std::unique_ptr<Bucket[]> buckets_;
};

// What the exit of a thread (or its exec) owes to others.

// Clears the word of set_tid_address(2) and wakes one waiter. A bad address is ignored, as Linux does. May park.
void ClearChildTid(FutexTable& table, MemoryManager& memory, base::GuestAddr address);
// Walks the list of set_robust_list(2): every mutex `tid` still holds is marked FUTEX_OWNER_DIED and one waiter woken.
// Stops at the first inaccessible entry and after ROBUST_LIST_LIMIT entries. May park.
void ReleaseRobustList(FutexTable& table, MemoryManager& memory, base::GuestAddr head, base::Tid tid);

}  // namespace sentry
