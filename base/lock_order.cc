// SPDX-License-Identifier: Apache-2.0
#include "base/lock_order.h"

#ifndef NDEBUG

#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace base {
namespace {

constexpr int kMaxClasses = 256;
constexpr int kMaxHeld = 32;

struct Held {
  LockClass* lock_class;
  const void* mutex;
};

struct ThreadState {
  Held held[kMaxHeld];
  int count = 0;
  int nested = 0;
};

// Host-thread state is right here: a fiber never parks with a lock held, so it never migrates with one.
ThreadState& State() {
  static thread_local ThreadState state;
  return state;
}

struct Graph {
  std::mutex mutex;
  int next_index = 1;
  LockClass* classes[kMaxClasses] = {};
  // after[a][b]: b was taken while a was held.
  std::atomic<bool> after[kMaxClasses][kMaxClasses] = {};
};

Graph& TheGraph() {
  static Graph& graph = *new Graph;
  return graph;
}

[[noreturn]] void Die(const char* what, const char* first, const char* second) {
  fprintf(stderr, "lock order: %s: %s, %s\n", what, first, second);
  abort();
}

int IndexOf(LockClass& lock_class) {
  int index = lock_class.index().load(std::memory_order_acquire);
  if (index != 0) return index;
  Graph& graph = TheGraph();
  std::lock_guard<std::mutex> lock(graph.mutex);
  index = lock_class.index().load(std::memory_order_relaxed);
  if (index != 0) return index;
  if (graph.next_index >= kMaxClasses) Die("too many lock classes", lock_class.name(), "");
  index = graph.next_index++;
  graph.classes[index] = &lock_class;
  lock_class.index().store(index, std::memory_order_release);
  return index;
}

bool Reaches(Graph& graph, int from, int to, bool (&seen)[kMaxClasses]) {
  if (from == to) return true;
  seen[from] = true;
  for (int next = 1; next < graph.next_index; ++next) {
    if (graph.after[from][next].load(std::memory_order_relaxed) && !seen[next] && Reaches(graph, next, to, seen)) {
      return true;
    }
  }
  return false;
}

void Record(LockClass& held, LockClass& taken) {
  int from = IndexOf(held);
  int to = IndexOf(taken);
  Graph& graph = TheGraph();
  if (graph.after[from][to].load(std::memory_order_acquire)) return;
  std::lock_guard<std::mutex> lock(graph.mutex);
  bool seen[kMaxClasses] = {};
  if (Reaches(graph, to, from, seen)) Die("contradicts an earlier order", held.name(), taken.name());
  graph.after[from][to].store(true, std::memory_order_release);
}

}  // namespace

void LockOrder::BeforeLock(LockClass& lock_class, const void* mutex) {
  ThreadState& state = State();
  for (int i = 0; i < state.count; ++i) {
    if (state.held[i].mutex == mutex) Die("taken twice", lock_class.name(), lock_class.name());
    if (state.held[i].lock_class == &lock_class) {
      if (state.nested == 0) Die("two of one class", lock_class.name(), lock_class.name());
      continue;
    }
    Record(*state.held[i].lock_class, lock_class);
  }
}

void LockOrder::AfterLock(LockClass& lock_class, const void* mutex) {
  ThreadState& state = State();
  if (state.count == kMaxHeld) Die("too many locks held", lock_class.name(), "");
  state.held[state.count++] = {&lock_class, mutex};
}

void LockOrder::BeforeUnlock(LockClass& lock_class, const void* mutex) {
  ThreadState& state = State();
  for (int i = state.count - 1; i >= 0; --i) {
    if (state.held[i].mutex != mutex) continue;
    for (int j = i; j + 1 < state.count; ++j) state.held[j] = state.held[j + 1];
    --state.count;
    return;
  }
  Die("unlocked by a thread that does not hold it", lock_class.name(), "");
}

void LockOrder::AssertHeld(const void* mutex) {
  ThreadState& state = State();
  for (int i = 0; i < state.count; ++i) {
    if (state.held[i].mutex == mutex) return;
  }
  Die("asserted to be held", "a mutex", "");
}

void LockOrder::AssertNoneHeld() {
  ThreadState& state = State();
  if (state.count != 0) Die("held while parking", state.held[state.count - 1].lock_class->name(), "");
}

void LockOrder::EnterNested() { ++State().nested; }
void LockOrder::LeaveNested() { --State().nested; }

}  // namespace base

#endif
