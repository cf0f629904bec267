// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/segments.h"

#include <sys/mman.h>

#include <algorithm>

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;
using base::abi::ElfProgramHeader;

int ProtectionOf(const ElfProgramHeader& segment) {
  int protection = PROT_NONE;
  if ((segment.flags & base::abi::kElfSegmentRead) != 0) protection |= PROT_READ;
  if ((segment.flags & base::abi::kElfSegmentWrite) != 0) protection |= PROT_WRITE;
  if ((segment.flags & base::abi::kElfSegmentExecute) != 0) protection |= PROT_EXEC;
  return protection;
}

// REQUIRES: below kTaskSize, as ElfFile has checked.
uint64_t PageEnd(uint64_t address) { return base::PageRoundDown(address + base::kPageMask); }

}  // namespace

void SegmentMapper::ForgetTailsIn(GuestRange range) {
  std::erase_if(tails_, [&](GuestRange tail) { return tail.Overlaps(range); });
}

base::Result<void> SegmentMapper::MapSegment(const ElfProgramHeader& segment, vfs::FileDescription& file,
                                             uint64_t bias) {
  const int protection = ProtectionOf(segment);
  const uint64_t begin = segment.vaddr + bias;
  const uint64_t file_end = begin + segment.filesz;
  const uint64_t end = begin + segment.memsz;
  if (segment.filesz != 0) {
    GuestRange range{GuestAddr(base::PageRoundDown(begin)), GuestAddr(PageEnd(file_end))};
    ForgetTailsIn(range);
    TRY(batch_.MapFile(context_, range, protection, file, base::PageRoundDown(segment.offset)));
    if (end > file_end && (file_end & base::kPageMask) != 0 && (protection & PROT_WRITE) != 0)
      tails_.push_back({GuestAddr(file_end), GuestAddr(PageEnd(file_end))});
  }
  GuestRange rest{GuestAddr(PageEnd(file_end)), GuestAddr(PageEnd(end))};
  if (rest.begin < rest.end) {
    ForgetTailsIn(rest);
    // Linux makes such pages as a heap: always readable and writable.
    TRY(batch_.MapAnonymous(rest, PROT_READ | PROT_WRITE | (protection & PROT_EXEC)));
  }
  return {};
}

base::Result<void> SegmentMapper::Map(const ElfFile& elf, vfs::FileDescription& file, uint64_t bias) {
  for (const ElfProgramHeader& segment : elf.segments) {
    if (segment.type == base::abi::kElfSegmentLoad) TRY(MapSegment(segment, file, bias));
  }
  return {};
}

base::Result<void> SegmentMapper::ClearTails(GuestMemory& memory) {
  for (const GuestRange& tail : tails_) TRY(memory.Clear(tail.begin, tail.length()));
  return {};
}

}  // namespace sentry
