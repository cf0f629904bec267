// SPDX-License-Identifier: Apache-2.0
// The two memory files a zygote's stubs share with the sentry: slots and command pages. Sparse; what is not in use
// takes no memory (slots) or one page (a command page once used). Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/systrap/command.h"

namespace platform::systrap {

class SlotFile {
 public:
  // Slots are handed out in multiples of this.
  static constexpr uint32_t kUnit = 16;
  // All threads of one zygote's stubs: 2 GiB of address space, no memory.
  static constexpr uint32_t kSlots = 65536;

  static base::Result<std::unique_ptr<SlotFile>> Create();
  ~SlotFile();

  int fd() const { return fd_.get(); }
  std::byte* At(uint32_t slot) const;

  // A run of `count` slots, all zero. REQUIRES: a multiple of kUnit. Errors: EAGAIN when none is left.
  base::Result<uint32_t> Allocate(uint32_t count);
  // REQUIRES: no process maps the run any more.
  void Free(uint32_t first, uint32_t count);

 private:
  SlotFile(base::UniqueFd fd, std::byte* memory);

  static base::LockClass kLock;
  const base::UniqueFd fd_;
  std::byte* const memory_;
  base::Mutex mutex_{kLock};
  std::vector<bool> used_ ABSL_GUARDED_BY(mutex_);
  size_t first_free_ ABSL_GUARDED_BY(mutex_) = 0;  // No unit below is free.
};

class CommandFile {
 public:
  // All processes of one zygote.
  static constexpr uint32_t kPages = 32768;

  static base::Result<std::unique_ptr<CommandFile>> Create();
  ~CommandFile();

  int fd() const { return fd_.get(); }
  CommandPage* At(uint32_t page) const;
  // A zeroed page. Errors: EAGAIN when none is left.
  base::Result<uint32_t> Allocate();
  // REQUIRES: no process maps it any more.
  void Free(uint32_t page);

 private:
  CommandFile(base::UniqueFd fd, CommandPage* memory);

  static base::LockClass kLock;
  const base::UniqueFd fd_;
  CommandPage* const memory_;
  base::Mutex mutex_{kLock};
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace platform::systrap
