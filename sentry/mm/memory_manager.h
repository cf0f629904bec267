// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"
#include "sentry/mm/layout.h"
#include "sentry/mm/memory_lock.h"
#include "sentry/mm/user_memory.h"
#include "sentry/mm/vma.h"
#include "sentry/mm/vma_tree.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace sentry {

inline constexpr uint64_t kNoLimit = UINT64_MAX;

// The resource limits (getrlimit(2)) and capabilities a memory call is judged by; bytes.
struct MemoryLimits {
  uint64_t address_space = kNoLimit;  // RLIMIT_AS
  uint64_t data = kNoLimit;           // RLIMIT_DATA
  uint64_t stack = kNoLimit;          // RLIMIT_STACK
  uint64_t locked = kNoLimit;         // RLIMIT_MEMLOCK
  bool may_lock = false;              // CAP_IPC_LOCK: `locked` does not bind.
};

// What /proc/PID shows of the program image (Linux: mm_struct's start_code ... env_end, exe_file, saved_auxv).
struct ImageInfo {
  base::GuestRange code, data, arguments, environment;
  base::GuestAddr start_stack;
  std::vector<uint64_t> auxiliary_vector;  // As on the stack, with the final AT_NULL pair.
  base::RefPtr<vfs::FileDescription> executable;
  base::RefPtr<base::RefCounted> executable_hold;  // Keeps writers out (ETXTBSY) as long as any memory runs it.
};

// One line of /proc/PID/maps.
struct MapEntry {
  base::GuestRange range;
  uint8_t protection = 0;
  bool shared = false;
  uint64_t offset = 0;
  uint32_t flags = 0;                       // VmaFlag.
  const char* name = "";                    // "[heap]", "[stack]", "/dev/zero (deleted)"...; else the file's path.
  base::RefPtr<vfs::FileDescription> file;  // May be null.
};

struct MemoryUsage {
  uint64_t total = 0;   // VmSize: all mappings, of the stack what was touched.
  uint64_t data = 0;    // VmData.
  uint64_t locked = 0;  // VmLck.
  uint64_t stack = 0;   // VmStk: the touched part.
  uint64_t count = 0;   // Mappings.
};

// The memory of a process, or of several that share it: what is mapped where, and why (Linux: mm_struct). The host
// manages the pages, through the platform's AddressSpace; this object decides every mapping and remembers it.
//
// Thread-safe. Two locks:
//   lock_   held by one changing operation from its checks to its end, across the platform's calls (parks);
//   mutex_  guards the tree and the numbers, held for moments. The tree only changes under both.
// Order: lock_ before mutex_. Readers take mutex_ alone and never wait for the host.
//
// Operations marked "parks" must run on a fiber with no base::Mutex held. Their errors, and the order of their checks,
// are those of the named man page. When the host refuses (its own memory limits), its errno is returned and the tree
// says what is mapped.
//
// `caller` is the guest thread whose pending system call is the native call for just this operation, or null. It is
// handed on to the platform, which may let that thread make the call itself, only when every page concerned is private
// anonymous, so that a failure nobody sees cannot show one process another's pages.
class MemoryManager final : public base::RefCounted {
 public:
  // Linux shows 65530 (vm.max_map_count) and the host has that limit as well, for our mappings, the platform's own and
  // those it fails to merge. Ours stays lower so that a natively made call cannot fail for that.
  static constexpr size_t kMaxMappings = 60 * 1024;
  // The part of a new stack that counts as touched, as Linux's initial stack mapping.
  static constexpr uint64_t kInitialStack = 132 * 1024;

  struct Environment {
    platform::Container* container = nullptr;
    MemoryLockFactory make_lock = nullptr;
  };

  // An empty memory over a pristine address space.
  static base::RefPtr<MemoryManager> Create(const Environment& environment, base::RefPtr<platform::AddressSpace> space,
                                            const MemoryLayout& layout);

  platform::AddressSpace& address_space() const { return *space_; }
  const MemoryLayout& layout() const { return layout_; }
  // Guest memory as system calls see it.
  GuestMemory& memory() { return memory_; }

  // mmap(2). Parks. `file` is null for MAP_ANONYMOUS; EBADF is the caller's.
  struct MapRequest {
    base::GuestAddr address;
    uint64_t length = 0;
    int protection = 0;
    int flags = 0;
    vfs::FileDescription* file = nullptr;
    uint64_t offset = 0;        // Bytes; EINVAL unless page aligned.
    bool mount_noexec = false;  // The file lies on a mount with MS_NOEXEC: EPERM for PROT_EXEC.
  };
  base::Result<base::GuestAddr> Map(vfs::Context& context, const MapRequest& request, const MemoryLimits& limits,
                                    platform::GuestThread* caller = nullptr);
  // munmap(2). Parks.
  base::Result<void> Unmap(base::GuestAddr address, uint64_t length, platform::GuestThread* caller = nullptr);
  // mprotect(2). Parks. Up to a failing mapping the change is made, as on Linux.
  base::Result<void> Protect(base::GuestAddr address, uint64_t length, int protection, const MemoryLimits& limits,
                             platform::GuestThread* caller = nullptr);
  // mremap(2). Parks.
  base::Result<base::GuestAddr> Remap(base::GuestAddr old_address, uint64_t old_length, uint64_t new_length, int flags,
                                      base::GuestAddr new_address, const MemoryLimits& limits);
  // madvise(2). Parks.
  base::Result<void> Advise(base::GuestAddr address, uint64_t length, int advice,
                            platform::GuestThread* caller = nullptr);
  // brk(2): the break after the call, moved or not. Parks.
  base::GuestAddr Brk(base::GuestAddr address, const MemoryLimits& limits);
  // msync(2). Parks.
  base::Result<void> Sync(base::GuestAddr address, uint64_t length, int flags);
  // mincore(2): how many pages the range has; ENOMEM when one is unmapped. The host is not asked: every mapped page
  // counts as resident.
  base::Result<uint64_t> Mincore(base::GuestAddr address, uint64_t length);
  // mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2): limits, accounting, populating. Nothing is locked on
  // the host. Park.
  base::Result<void> LockPages(base::GuestAddr address, uint64_t length, int flags, const MemoryLimits& limits);
  base::Result<void> UnlockPages(base::GuestAddr address, uint64_t length);
  base::Result<void> LockAll(int flags, const MemoryLimits& limits);
  base::Result<void> UnlockAll();

  // fork(2): platform::AddressSpace::Fork and a copy of the tree, with nothing changing in between. Parks.
  // Errors: EAGAIN, ENOMEM.
  struct Forked {
    base::RefPtr<MemoryManager> memory;
    std::unique_ptr<platform::GuestThread> thread;
  };
  base::Result<Forked> Fork(const platform::Registers& registers, const platform::ExtendedState& state);

  // A guest access faulted at an unmapped address (SIGSEGV, SEGV_MAPERR). Extends a mapping that grows down to it, if
  // the limit allows; true: run the instruction again. Parks.
  bool GrowDown(base::GuestAddr address, const MemoryLimits& limits);
  // The lowest address of the main stack known to be in use; moves down only. Any thread.
  void NoteStackPointer(base::GuestAddr stack_pointer);

  // The platform says that the call site that ends at `ip` is worth patching (platform::Event::worth_patching): does so
  // if its code is a file's, mapped private and read-only. What the site jumps to is mapped near it, as anonymous
  // memory of the guest. Parks.
  void PatchCallSite(platform::GuestThread& caller, base::GuestAddr ip, uint32_t number);

  // A copy of the mapping that contains the address; empty when none does.
  std::optional<Vma> Find(base::GuestAddr address) const;
  // At most `limit` lines of /proc/PID/maps from the one that ends behind `from` on.
  std::vector<MapEntry> Entries(base::GuestAddr from, size_t limit) const;
  MemoryUsage Usage() const;
  base::GuestRange HeapRange() const;

  ImageInfo image() const;
  void set_image(ImageInfo image);

 private:
  friend class MappingBatch;

  MemoryManager(const Environment& environment, base::RefPtr<platform::AddressSpace> space, const MemoryLayout& layout);
  ~MemoryManager() override;

  // Where a mapping goes (Linux: get_unmapped_area). ENOMEM, EINVAL, EPERM, EEXIST.
  base::Result<base::GuestAddr> PlaceLocked(base::GuestAddr hint, uint64_t length, int flags) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether limits allow `length` more bytes in a mapping like `like`, `replaced` bytes of the range going away.
  bool MayExpandLocked(const Vma& like, uint64_t length, uint64_t replaced, const MemoryLimits& limits) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayLockMoreLocked(uint32_t flags, uint64_t length, const MemoryLimits& limits) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t TotalLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t StackTouchedLocked(const Vma& stack) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether everything that is mapped in the range is private anonymous.
  bool OnlyPrivateAnonymousLocked(base::GuestRange range) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Checks the mapping type of a request and fills `vma` accordingly. Errors: as mmap(2).
  static base::Result<void> DescribeFile(vfs::Context& context, const MapRequest& request, Vma& vma);
  static base::Result<void> DescribeAnonymous(const MapRequest& request, Vma& vma);
  // Makes the mapping on the host, over whatever is there. Parks.
  base::Result<void> MapOnHost(const Vma& vma, platform::GuestThread* caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Unmaps on the host, then in the tree. Parks.
  base::Result<void> UnmapRange(base::GuestRange range, platform::GuestThread* caller)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Puts `vma` into the tree, over whatever was there.
  void Record(Vma vma) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Touches the pages of the range as mmap(MAP_POPULATE) and mlock(2) do; what cannot be touched is left. Parks.
  void Populate(base::GuestRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // The pieces of Remap; see memory_remap.cc.
  base::Result<base::GuestAddr> RemapTo(base::GuestRange from, uint64_t new_length, int flags, base::GuestAddr to,
                                        const MemoryLimits& limits) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  base::Result<Vma> CheckResize(base::GuestRange from, uint64_t new_length, const MemoryLimits& limits) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  base::Result<void> GrowInPlace(const Vma& vma, uint64_t added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Makes the free range `to` of the pages of `from`, which is part of `vma` (empty: a second view of shared memory),
  // and of new pages behind them.
  base::Result<void> Move(const Vma& vma, base::GuestRange from, base::GuestRange to, bool keep_old)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  base::Result<void> FillMoved(const Vma& moved, base::GuestRange from, bool duplicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  base::Result<void> MoveOnHost(base::GuestRange from, base::GuestAddr to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Repeats on the host the advice that `vma` has taken, for a new part of it.
  base::Result<void> AdviseNewPart(const Vma& vma, base::GuestRange part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // The pieces of PatchCallSite.
  bool IsPlainCodeLocked(base::GuestAddr ip) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<base::GuestAddr> TakeCallEntry(base::GuestAddr ip) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  base::Result<void> SetLocked(base::GuestRange range, uint32_t flags) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // Constant after construction.
  const Environment environment_;
  const base::RefPtr<platform::AddressSpace> space_;
  const MemoryLayout layout_;
  GuestMemory memory_;
  const std::unique_ptr<MemoryLock> lock_storage_;
  MemoryLock& lock_;

  static base::LockClass kMutex;
  mutable base::Mutex mutex_{kMutex};
  VmaTree tree_ ABSL_GUARDED_BY(mutex_);
  base::GuestAddr brk_start_ ABSL_GUARDED_BY(mutex_);
  base::GuestAddr brk_ ABSL_GUARDED_BY(mutex_);
  base::GuestAddr stack_low_ ABSL_GUARDED_BY(mutex_);
  uint32_t future_flags_ ABSL_GUARDED_BY(mutex_) = 0;  // mlockall(MCL_FUTURE).
  // Memory that patched call sites jump to; `used` bytes of each are taken.
  struct CallEntries {
    base::GuestRange range;
    uint64_t used;
  };
  std::vector<CallEntries> call_entries_ ABSL_GUARDED_BY(mutex_);
  ImageInfo image_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sentry
