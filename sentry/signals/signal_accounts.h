// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/types.h"

namespace sentry {

// How many signals are queued for each real user of the sandbox, for RLIMIT_SIGPENDING (getrlimit(2)). Thread-safe.
class SignalAccounts {
 public:
  // One queued signal of a user; gives its place back when it goes.
  class Charge {
   public:
    Charge() = default;
    Charge(Charge&& other) noexcept : accounts_(std::exchange(other.accounts_, nullptr)), user_(other.user_) {}
    Charge& operator=(Charge&& other) noexcept {
      std::swap(accounts_, other.accounts_);
      std::swap(user_, other.user_);
      return *this;
    }
    ~Charge() {
      if (accounts_ != nullptr) accounts_->Release(user_);
    }

   private:
    friend class SignalAccounts;
    Charge(SignalAccounts* accounts, base::KUid user) : accounts_(accounts), user_(user) {}
    SignalAccounts* accounts_ = nullptr;
    base::KUid user_;
  };

  SignalAccounts() : mutex_(kLock) {}

  // No user has more, whatever its limit: queued signals are the sentry's memory.
  static constexpr uint64_t kMaxQueued = 1 << 17;

  // Empty when `user` has `limit` or more queued signals already, or kMaxQueued.
  std::optional<Charge> Take(base::KUid user, uint64_t limit);
  uint64_t Queued(base::KUid user) const;

 private:
  void Release(base::KUid user);

  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  std::map<base::KUid, uint64_t> queued_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sentry
