// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mutex.h"
#include "base/types.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

// The argument buffer of the one hot call in flight of a process with a single thread, as far as its bytes came along
// or may go back with the answer: while the call is in flight nothing else in the process can change or see them.
// Thread-safe.
class CallWindow {
 public:
  enum class Kind { kNone, kIn, kOut };
  static constexpr size_t kSize = SLOT_HOT_DATA_SIZE;

  // Opens it for the call that was taken. kIn: `bytes` are what the buffer at `address` holds. kOut: up to `room` bytes
  // can be written there.
  void OpenIn(base::GuestAddr address, std::span<const std::byte> bytes);
  void OpenOut(base::GuestAddr address, size_t room);
  // Closes it. What was written and has to get into the guest's memory now is put into `to`.
  struct Written {
    base::GuestAddr address;
    size_t length = 0;
  };
  Written Close(std::span<std::byte, kSize> to);

  // Whether bytes were written that concern this range: then close it before the guest's memory is used.
  bool Covers(base::GuestAddr address, size_t size);
  // Serves a read of the sentry. False when it must be made in the guest's memory.
  bool Read(base::GuestAddr from, std::span<std::byte> to);
  // Takes a write of the sentry. False when it must be made in the guest's memory. A window is filled from its start
  // on, in order.
  bool Write(base::GuestAddr to, std::span<const std::byte> from);

 private:
  static base::LockClass kLock;
  std::atomic<Kind> kind_{Kind::kNone};  // Written under mutex_.
  base::Mutex mutex_{kLock};
  base::GuestAddr address_ ABSL_GUARDED_BY(mutex_);
  size_t room_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t length_ ABSL_GUARDED_BY(mutex_) = 0;
  std::byte bytes_[kSize] ABSL_GUARDED_BY(mutex_);
};

}  // namespace platform::systrap
