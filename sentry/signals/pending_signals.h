// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "base/abi/signal.h"
#include "base/ref.h"
#include "sentry/signals/signal_accounts.h"

namespace sentry {

// Who queued a signal and wants to fill in its details when it is taken (a POSIX timer).
class SignalSource : public base::RefCounted {
 public:
  // With the lock of the queue. False: the signal is void by now.
  virtual bool Taken(base::abi::Siginfo* info) = 0;
};

// A queue of pending signals (signal(7), "Queueing and delivery semantics"): at most one of each standard signal, any
// number of real-time ones, lowest number first, same numbers in order of arrival. Not thread-safe: its owner's lock.
class PendingSignals {
 public:
  // The synchronous signals, which are taken first.
  static constexpr base::abi::SignalSet kSynchronous =
      uint64_t{1} << 10 | uint64_t{1} << 6 | uint64_t{1} << 3 | uint64_t{1} << 4 | uint64_t{1} << 7 | uint64_t{1} << 30;

  base::abi::SignalSet set() const { return set_; }
  // Whether a signal of that number would be dropped: a standard signal that is pending already.
  bool WouldDrop(int signal) const;
  // Returns false when the new one was dropped (WouldDrop). `charge` is held until the signal is taken.
  bool Enqueue(const base::abi::Siginfo& info, SignalAccounts::Charge charge = {});
  // One of a source's: queued though a standard signal is pending already.
  void EnqueueFrom(base::RefPtr<SignalSource> source, const base::abi::Siginfo& info);
  // Makes the signal pending without a place in the queue: it will be taken with no details (SI_USER, pid 0).
  void EnqueueWithoutDetails(int signal);
  // Takes the next signal of `allowed`; synchronous ones (SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS) first.
  // False when there is none.
  bool Dequeue(base::abi::SignalSet allowed, base::abi::Siginfo* info);
  // Drops every pending signal of `mask`.
  void Discard(base::abi::SignalSet mask);
  size_t size() const { return queue_.size(); }

 private:
  struct Entry {
    base::abi::Siginfo info;
    SignalAccounts::Charge charge;
    base::RefPtr<SignalSource> source;
  };
  bool TakeFirst(int signal, base::abi::Siginfo* info);

  base::abi::SignalSet set_ = 0;
  std::multimap<int, Entry> queue_;  // Equal keys stay in order of insertion.
};

}  // namespace sentry
