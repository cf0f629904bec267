// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstdint>

#include "base/mutex.h"

namespace sentry {

struct Limit {
  uint64_t soft = RLIM_INFINITY;
  uint64_t hard = RLIM_INFINITY;
};

// The resource limits of a process (getrlimit(2)); shared by its threads, copied by fork, kept by exec. Thread-safe.
class Limits {
 public:
  using Values = std::array<Limit, RLIM_NLIMITS>;

  explicit Limits(const Values& values) : values_(kLock, values) {}

  // REQUIRES: 0 <= resource < RLIM_NLIMITS.
  Limit Get(int resource) const {
    return values_.With([&](const Values& values) { return values[resource]; });
  }
  uint64_t Soft(int resource) const { return Get(resource).soft; }
  void Set(int resource, Limit limit) {
    values_.With([&](Values& values) { values[resource] = limit; });
  }
  Values All() const {
    return values_.With([](const Values& values) { return values; });
  }

 private:
  static inline constinit base::LockClass kLock{"Limits::values_"};
  base::Guarded<Values> values_;
};

}  // namespace sentry
