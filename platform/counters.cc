// SPDX-License-Identifier: Apache-2.0
#include "platform/counters.h"

namespace platform {

PlatformStats Counters::Read() const {
  PlatformStats stats;
  stats.notified_calls = notified_calls.load(std::memory_order_relaxed);
  stats.trapped_calls = trapped_calls.load(std::memory_order_relaxed);
  stats.hot_calls = hot_calls.load(std::memory_order_relaxed);
  stats.patched_sites = patched_sites.load(std::memory_order_relaxed);
  stats.continued_calls = continued_calls.load(std::memory_order_relaxed);
  stats.helper_commands = helper_commands.load(std::memory_order_relaxed);
  stats.kicks = kicks.load(std::memory_order_relaxed);
  stats.listener_leaves = listener_leaves.load(std::memory_order_relaxed);
  stats.live_stubs = live_stubs.load(std::memory_order_relaxed);
  stats.live_threads = live_threads.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace platform
