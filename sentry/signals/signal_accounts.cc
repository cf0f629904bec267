// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/signal_accounts.h"

#include <algorithm>

namespace sentry {

constinit base::LockClass SignalAccounts::kLock{"SignalAccounts::mutex_"};

std::optional<SignalAccounts::Charge> SignalAccounts::Take(base::KUid user, uint64_t limit) {
  base::MutexLock lock(mutex_);
  auto [entry, fresh] = queued_.try_emplace(user, 0);
  if (entry->second >= std::min(limit, kMaxQueued)) {
    if (fresh) queued_.erase(entry);
    return std::nullopt;
  }
  ++entry->second;
  return Charge(this, user);
}

uint64_t SignalAccounts::Queued(base::KUid user) const {
  base::MutexLock lock(mutex_);
  auto entry = queued_.find(user);
  return entry == queued_.end() ? 0 : entry->second;
}

void SignalAccounts::Release(base::KUid user) {
  base::MutexLock lock(mutex_);
  auto entry = queued_.find(user);
  if (--entry->second == 0) queued_.erase(entry);
}

}  // namespace sentry
