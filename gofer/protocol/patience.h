// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace gofer {

// How long a server looks for the next request before it sleeps: to wake a processor out of its sleep takes up to 200
// us, ten times what most requests take. Those who ask again and again are looked out for; each time nobody came, it is
// not tried for twice as many requests. Not thread-safe.
class Patience {
 public:
  static constexpr int64_t kPatienceNs = 200'000;

  // For the next request.
  int64_t next_ns() const { return unpatient_ == 0 ? kPatienceNs : 0; }

  // The request came `waited_ns` after next_ns() was asked.
  void Note(int64_t waited_ns) {
    if (unpatient_ > 0) {
      --unpatient_;
    } else if (waited_ns < kPatienceNs) {
      missed_ = 0;
    } else {
      missed_ = std::min(missed_ * 2 + 1, kMost);
      unpatient_ = missed_;
    }
  }

 private:
  static constexpr int kMost = 63;
  int missed_ = 0;
  int unpatient_ = 0;  // So many requests more that are not looked out for.
};

}  // namespace gofer
