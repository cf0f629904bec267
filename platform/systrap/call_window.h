// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mutex.h"
#include "base/types.h"

namespace platform::systrap {

// The arguments in memory of the one hot call in flight of a process with a single thread, as far as their bytes came
// along in the thread's slot or may go back there with the answer: while the call is in flight nothing else in the
// process can change or see them. The slot is the guest's memory: what is read here is as trustworthy as what is read
// there. Thread-safe.
class CallWindow {
 public:
  // Opens it for the call that was taken, until Close. `data` is the slot's: the first `in_length` bytes are those at
  // `in_address`; what is written at `out_address`, up to `room` bytes, gets there from its start on. Either may be
  // nothing.
  void Open(std::span<std::byte> data, base::GuestAddr in_address, size_t in_length, base::GuestAddr out_address,
            size_t room);
  // Closes it. What was written and has to get into the guest's memory now: bytes of the slot.
  struct Written {
    base::GuestAddr address;
    std::span<const std::byte> bytes;
  };
  Written Close();

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
  // Bytes of data_ from its start on, and the guest's address they stand for.
  struct Part {
    base::GuestAddr address;
    size_t length = 0;

    // How many bytes there are from `from` on.
    size_t From(base::GuestAddr from) const;
    bool Overlaps(base::GuestAddr address, size_t size) const;
  };

  static base::LockClass kLock;
  std::atomic<bool> open_{false};  // Written under mutex_.
  base::Mutex mutex_{kLock};
  std::span<std::byte> data_ ABSL_GUARDED_BY(mutex_);
  // Both lie in data_: what is written takes the place of what is read.
  Part in_ ABSL_GUARDED_BY(mutex_);
  Part out_ ABSL_GUARDED_BY(mutex_);
  size_t room_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace platform::systrap
