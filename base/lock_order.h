// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace base {

// The identity of all mutexes that stand at the same place of the lock order tree. Static storage,
// constant-initialised.
class LockClass {
 public:
  constexpr explicit LockClass(const char* name) : name_(name) {}
  const char* name() const { return name_; }
  // Dense number given on first use; 0 until then.
  std::atomic<int>& index() { return index_; }

 private:
  const char* name_;
  std::atomic<int> index_{0};
};

// The order checker. In release builds (NDEBUG) every function is empty.
// Two mutexes of the same class may not be held together, except through ScopedNested below.
class LockOrder {
 public:
#ifdef NDEBUG
  static void BeforeLock(LockClass&, const void*) {}
  static void AfterLock(LockClass&, const void*) {}
  static void BeforeUnlock(LockClass&, const void*) {}
  static void AssertHeld(const void*) {}
  static void AssertNoneHeld() {}
  static void EnterNested() {}
  static void LeaveNested() {}
#else
  static void BeforeLock(LockClass& lock_class, const void* mutex);
  static void AfterLock(LockClass& lock_class, const void* mutex);
  static void BeforeUnlock(LockClass& lock_class, const void* mutex);
  static void AssertHeld(const void* mutex);
  // Ends the process, naming the lock, if this host thread holds any: called before a fiber parks.
  static void AssertNoneHeld();
  static void EnterNested();
  static void LeaveNested();
#endif

  // While alive, this thread may take a second mutex of a class it already holds; the caller guarantees an order of
  // its own between the two (by address, or parent before child) and says which in a comment.
  class ScopedNested {
   public:
    ScopedNested() { EnterNested(); }
    ~ScopedNested() { LeaveNested(); }
    ScopedNested(const ScopedNested&) = delete;
    ScopedNested& operator=(const ScopedNested&) = delete;
  };
};

}  // namespace base
