// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/pending_signals.h"

#include <signal.h>

#include <bit>

namespace sentry {
namespace {

// Signals from this number on (the kernel's SIGRTMIN) are queued each.
constexpr int kFirstRealTime = 32;

constexpr base::abi::SignalSet Bit(int signal) { return base::abi::SignalSet{1} << (signal - 1); }

}  // namespace

bool PendingSignals::WouldDrop(int signal) const { return signal < kFirstRealTime && (set_ & Bit(signal)) != 0; }

bool PendingSignals::Enqueue(const base::abi::Siginfo& info, SignalAccounts::Charge charge) {
  if (WouldDrop(info.signo)) return false;
  set_ |= Bit(info.signo);
  queue_.emplace(info.signo, Entry{info, std::move(charge), nullptr});
  return true;
}

void PendingSignals::EnqueueFrom(base::RefPtr<SignalSource> source, const base::abi::Siginfo& info) {
  set_ |= Bit(info.signo);
  queue_.emplace(info.signo, Entry{info, {}, std::move(source)});
}

void PendingSignals::EnqueueWithoutDetails(int signal) { set_ |= Bit(signal); }

bool PendingSignals::Dequeue(base::abi::SignalSet allowed, base::abi::Siginfo* info) {
  while (true) {
    base::abi::SignalSet candidates = set_ & allowed;
    if (candidates == 0) return false;
    if ((candidates & kSynchronous) != 0) candidates &= kSynchronous;
    if (TakeFirst(std::countr_zero(candidates) + 1, info)) return true;
  }
}

bool PendingSignals::TakeFirst(int signal, base::abi::Siginfo* info) {
  auto first = queue_.lower_bound(signal);
  if (first == queue_.end() || first->first != signal) {
    *info = base::abi::Siginfo();
    info->signo = signal;
    info->code = SI_USER;
    set_ &= ~Bit(signal);
    return true;
  }
  *info = first->second.info;
  base::RefPtr<SignalSource> source = std::move(first->second.source);
  auto next = queue_.erase(first);
  if (next == queue_.end() || next->first != signal) set_ &= ~Bit(signal);
  return !source || source->Taken(info);
}

void PendingSignals::Discard(base::abi::SignalSet mask) {
  if ((set_ & mask) == 0) return;
  set_ &= ~mask;
  std::erase_if(queue_, [mask](const auto& entry) { return (Bit(entry.first) & mask) != 0; });
}

}  // namespace sentry
