// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"
#include "sentry/mm/memory_manager.h"

namespace sentry {

// Collects the first mappings of a new memory that nobody else knows yet, and makes them in one round trip. Where
// ranges overlap the later one wins. After a failure the memory is good for nothing but to be dropped.
class MappingBatch {
 public:
  MappingBatch(MemoryManager& memory, const MemoryLimits& limits) : memory_(memory), limits_(limits) {}

  // A free range below the mmap base.
  base::Result<base::GuestAddr> FindFree(uint64_t length, uint64_t alignment = base::kPageSize);
  // Whether nothing is mapped in the range.
  bool IsFree(base::GuestRange range) const;
  // ENOMEM: outside guest space or beyond a limit.
  base::Result<void> MapAnonymous(base::GuestRange range, int protection, uint32_t flags = 0);
  // A private mapping. Errors of FileDescription::Map and Donate. Parks.
  base::Result<void> MapFile(vfs::Context& context, base::GuestRange range, int protection, vfs::FileDescription& file,
                             uint64_t offset);
  // Notes what the platform has mapped.
  void AddSpecial(base::GuestRange range, int protection, const char* name);
  // Sets the empty heap's place.
  void SetBrk(base::GuestAddr start);
  // Parks.
  base::Result<void> Commit();

 private:
  base::Result<void> Add(Vma vma, platform::DonatedFile* donated);

  MemoryManager& memory_;
  const MemoryLimits& limits_;
  std::vector<platform::AddressSpace::Operation> operations_;
  std::vector<base::RefPtr<platform::DonatedFile>> donated_;
};

}  // namespace sentry
