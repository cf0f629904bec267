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

// The arguments in memory of the one hot call in flight of a process with a single thread, as far as their bytes came
// along or may go back with the answer: while the call is in flight nothing else in the process can change or see them.
// Thread-safe.
class CallWindow {
 public:
  static constexpr size_t kSize = SLOT_HOT_DATA_SIZE;

  // Opens it for the call that was taken: `in` are the bytes at `in_address`, up to `room` bytes can be written at
  // `out_address`. Either may be none.
  void Open(base::GuestAddr in_address, std::span<const std::byte> in, base::GuestAddr out_address, size_t room);
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
  // Serves a read of a string, its null included: returns how long it is. 0 when it must be made in the guest's memory.
  size_t ReadString(base::GuestAddr from, std::span<char> to);
  // Takes a write of the sentry. False when it must be made in the guest's memory. A window is filled from its start
  // on, in order.
  bool Write(base::GuestAddr to, std::span<const std::byte> from);

 private:
  struct Part {
    base::GuestAddr address;
    size_t length = 0;
    std::byte bytes[kSize];

    // How many bytes there are from `from` on.
    size_t From(base::GuestAddr from) const;
    bool Overlaps(base::GuestAddr address, size_t size) const;
  };

  static base::LockClass kLock;
  std::atomic<bool> open_{false};  // Written under mutex_.
  base::Mutex mutex_{kLock};
  Part in_ ABSL_GUARDED_BY(mutex_);
  Part out_ ABSL_GUARDED_BY(mutex_);
  size_t room_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace platform::systrap
