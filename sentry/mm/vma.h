// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/ref.h"
#include "base/types.h"
#include "vfs/file_description.h"

namespace sentry {

// What the pages of a mapping are.
enum class VmaKind : uint8_t {
  kAnonymous,        // Private, the host's own pages.
  kSharedAnonymous,  // MAP_SHARED|MAP_ANONYMOUS: a sentry-owned memfd; "/dev/zero (deleted)" in /proc/PID/maps.
  kFile,             // A file, private or shared.
  kSpecial,          // [vdso], [vvar]: put there by the platform.
};

// Properties of a mapping beyond its protection (Linux: vm_flags).
enum VmaFlag : uint32_t {
  kVmaStack = 1u << 0,      // The main stack: one whole mapping of the limit's size; only the touched part is shown.
  kVmaGrowsDown = 1u << 1,  // MAP_GROWSDOWN, and the main stack.
  kVmaLocked = 1u << 2,     // mlock(2).
  kVmaLockOnFault = 1u << 3,
  kVmaNoReserve = 1u << 4,
  kVmaDontFork = 1u << 5,
  kVmaWipeOnFork = 1u << 6,
  kVmaDontDump = 1u << 7,
  kVmaHugePage = 1u << 8,
  kVmaNoHugePage = 1u << 9,
  kVmaSequential = 1u << 10,
  kVmaRandom = 1u << 11,
  kVmaMergeable = 1u << 12,
};

// One mapping (Linux: vm_area_struct). A value; the tree owns it.
struct Vma {
  base::GuestRange range;
  uint8_t protection = 0;      // PROT_*.
  uint8_t max_protection = 7;  // What mprotect(2) may set.
  VmaKind kind = VmaKind::kAnonymous;
  bool shared = false;
  uint32_t flags = 0;                       // VmaFlag.
  uint64_t offset = 0;                      // kFile, kSharedAnonymous: of range.begin, in bytes.
  const char* name = "";                    // kSpecial: static text such as "[vdso]".
  base::RefPtr<vfs::FileDescription> file;  // kFile: for its path; holds the file open as Linux's vm_file does.
  base::RefPtr<vfs::Mappable> mappable;     // kFile, kSharedAnonymous. Null for a mapping of /dev/zero.

  bool has(VmaFlag flag) const { return (flags & flag) != 0; }
  // Memory that only this process sees, so that the guest's own thread may be let to map and unmap it natively.
  bool private_anonymous() const { return kind == VmaKind::kAnonymous; }
  // Counts for RLIMIT_DATA: private, writable, not a stack.
  bool counts_as_data() const { return !shared && (protection & 2) != 0 && !has(kVmaGrowsDown); }
  // The part [begin, end) of this mapping. REQUIRES: inside range.
  Vma Slice(base::GuestRange part) const;
  // Whether `next` continues this mapping so that both may be one.
  bool MergesWith(const Vma& next) const;
};

}  // namespace sentry
