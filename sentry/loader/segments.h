// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "sentry/loader/elf_file.h"
#include "sentry/mm/mapping_batch.h"
#include "sentry/mm/user_memory.h"

namespace sentry {

// Puts the segments of ELF files into a batch, and clears, once the batch is committed, what of their last pages is not
// the file's.
class SegmentMapper {
 public:
  SegmentMapper(vfs::Context& context, MappingBatch& batch) : context_(context), batch_(batch) {}

  // Maps every PT_LOAD `bias` bytes (modulo 2^64) above its address. ENOMEM: outside guest space, or over a limit.
  base::Result<void> Map(const ElfFile& elf, vfs::FileDescription& file, uint64_t bias);
  // REQUIRES: the batch was committed. EFAULT: a page lies behind the end of its file.
  base::Result<void> ClearTails(GuestMemory& memory);

 private:
  base::Result<void> MapSegment(const base::abi::ElfProgramHeader& segment, vfs::FileDescription& file, uint64_t bias);
  // A mapping replaces what an earlier segment wanted cleared there.
  void ForgetTailsIn(base::GuestRange range);

  vfs::Context& context_;
  MappingBatch& batch_;
  std::vector<base::GuestRange> tails_;  // Each inside one page.
};

}  // namespace sentry
