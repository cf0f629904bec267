// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace platform {

// The id of a child process, kept from being reaped (and given to a stranger) while somebody uses it. Thread-safe.
class HostPid {
 public:
  HostPid() = default;
  HostPid(const HostPid&) = delete;
  HostPid& operator=(const HostPid&) = delete;

  int value() const { return pid_.load(); }
  // Once, when the process is known.
  void set_value(int pid) { pid_.store(pid); }
  bool dead() const { return (users_.load(std::memory_order_acquire) & kDeadBit) != 0; }
  // The process is dead: nobody begins to use the id. Returns when nobody uses it any more, which is at once: the
  // host's calls on a dead process return.
  void Retire();

  class Use {
   public:
    explicit Use(HostPid& pid);
    ~Use() { owner_.users_.fetch_sub(1, std::memory_order_acq_rel); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    // 0 when the process is dead or not known yet.
    int pid() const { return pid_; }

   private:
    HostPid& owner_;
    int pid_ = 0;
  };

 private:
  static constexpr uint32_t kDeadBit = 0x80000000;

  std::atomic<int> pid_{0};
  std::atomic<uint32_t> users_{0};  // And kDeadBit.
};

}  // namespace platform
