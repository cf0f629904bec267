// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>

#include "base/abi/signal.h"

namespace sentry {

// A queue of pending signals (signal(7), "Queueing and delivery semantics"): at most one of each standard signal, any
// number of real-time ones, lowest number first, same numbers in order of arrival. Not thread-safe: its owner's lock.
class PendingSignals {
 public:
  base::abi::SignalSet set() const { return set_; }
  // Returns false when a standard signal of that number was pending already (the new one is dropped).
  bool Enqueue(const base::abi::Siginfo& info);
  // Takes the next signal of `allowed`; synchronous ones (SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS) first.
  // False when there is none.
  bool Dequeue(base::abi::SignalSet allowed, base::abi::Siginfo* info);
  // Drops every pending signal of `mask`.
  void Discard(base::abi::SignalSet mask);
  size_t size() const { return queue_.size(); }

 private:
  base::abi::SignalSet set_ = 0;
  std::list<base::abi::Siginfo> queue_;
};

}  // namespace sentry
