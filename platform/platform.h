// SPDX-License-Identifier: Apache-2.0
// The border between the kernel (sentry) and the machinery that runs guest code. It is semantic: it says what happens
// to a guest, not how. Implementations: platform/systrap (default), platform/ptrace.
//
// Threads and fibers. Everything that may wait for a stub (marked "parks") must be called on a fiber of the Executor,
// with no base::Mutex held. The rest may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "platform/executor.h"
#include "platform/registers.h"

namespace platform {

class AddressSpace;
class GuestThread;

// PROT_READ/WRITE/EXEC as mmap(2) numbers them.
using Protection = int;

// A host file that was donated to the stubs of one container so that it can be mapped there. The descriptor number in
// the stubs' shared table is allocated by the platform and released after the last reference and the last queued
// mapping command are gone.
class DonatedFile : public base::RefCounted {
 public:
  // Whether the donated descriptor allows MAP_SHARED + PROT_WRITE.
  virtual bool writable() const = 0;
};

// Why GuestThread::Run returned.
struct Event {
  enum class Kind {
    kSyscall,    // The guest made a system call; it waits for set_syscall_result and the next Run.
    kFault,      // A synchronous exception: `signal`, `code` (si_code), `address` (si_addr), `trap_number`,
                 // `error_code` as the host's signal frame gives them. rip still points at the instruction.
    kInterrupt,  // Interrupt() was called; the guest stands between two instructions.
    kGone,       // The stub died (killed by the host, out of memory, broke the protocol). The thread cannot run again.
  };
  Kind kind;
  // kSyscall. The full 64-bit registers; `number` is rax as the guest gave it, truncated to 32 bits.
  uint32_t number;
  uint64_t arguments[6];
  uint64_t instruction_pointer;  // Behind the syscall instruction.
  bool worth_patching;           // The site was seen often: AddressSpace::PatchCallSite may make its calls cheaper.
  // kFault.
  int signal;
  int code;
  uint64_t address;
  uint64_t trap_number;
  uint64_t error_code;
};

// What to do with the system call a Run ended with.
enum class SyscallAction {
  kReturn,   // The guest continues behind the instruction with the given value in rax.
  kRestart,  // The guest makes the same call again: rip back on the instruction, rax the number.
};

// One thread of guest code, in one address space. Owned by its task; used by its task's fiber only, but for Interrupt.
class GuestThread {
 public:
  virtual ~GuestThread() = default;  // Parks: the host thread is gone (or dying, unable to run guest code) afterwards.

  // Finishes the pending system call, if any, as set_syscall said; runs guest code until the next event. Parks.
  virtual Event Run() = 0;

  // Sets the outcome of the system call the last Run returned. Without it, a Run after kSyscall ends the process.
  virtual void set_syscall(SyscallAction action, uint64_t value) = 0;

  // The full register set, between two Runs. The first access after an event may park (the stub thread must be brought
  // into its handler): fails with ESRCH when the stub is gone. With a system call pending, set_syscall comes first:
  // then rax and rip show its outcome, and orig_rax the number (-1 when no call is pending). Changes take effect at the
  // next Run.
  virtual base::Result<Registers*> registers() = 0;
  // The extended state, same rules.
  virtual base::Result<ExtendedState*> extended_state() = 0;

  // FS base alone, for arch_prctl(ARCH_SET_FS): cheaper than registers() where the platform can. May park.
  virtual base::Result<void> SetFsBase(uint64_t value) = 0;

  // Makes the current or the next Run return kInterrupt soon (at once if the thread is not in guest code). Any thread;
  // the caller keeps the object alive. Several calls before a Run returns count as one.
  virtual void Interrupt() = 0;

  // The host's thread id, for diagnostics and per-thread CPU clocks; 0 when gone.
  virtual int host_tid() const = 0;

  virtual AddressSpace& address_space() = 0;
};

// One guest address space: host memory that the host kernel manages. The sentry decides every mapping; ranges are page
// aligned and inside [Platform::min_address, Platform::max_address). Thread-safe.
//
// `caller` (may be null) is the guest thread whose pending system call asks for just this operation on just this range:
// the platform may let that thread make the vetted call itself when it is resumed (CONTINUE). Only legal when the whole
// range is private anonymous memory; the platform then keeps the range in quarantine until that thread is seen again,
// and orders any overlapping operation behind it.
class AddressSpace : public base::RefCounted {
 public:
  // Replaces whatever is there. Errors: ENOMEM, as the host says. Parks.
  virtual base::Result<void> MapAnonymous(base::GuestRange range, Protection protection, bool shared, bool no_reserve,
                                          GuestThread* caller) = 0;
  // MAP_PRIVATE or MAP_SHARED mapping of a donated file. Parks. Errors: as mmap(2) (EACCES, ENODEV, ENOMEM...).
  virtual base::Result<void> MapFile(base::GuestRange range, Protection protection, bool shared, DonatedFile& file,
                                     uint64_t offset) = 0;
  virtual base::Result<void> Unmap(base::GuestRange range, GuestThread* caller) = 0;                           // Parks.
  virtual base::Result<void> Protect(base::GuestRange range, Protection protection, GuestThread* caller) = 0;  // Parks.
  // mremap(2): moves (MREMAP_MAYMOVE|MREMAP_FIXED) or resizes in place (from.begin == to.begin). Parks.
  virtual base::Result<void> Remap(base::GuestRange from, base::GuestRange to) = 0;
  // madvise(2), for advice values the sentry vetted. Parks.
  virtual base::Result<void> Advise(base::GuestRange range, int advice, GuestThread* caller) = 0;
  // msync(2) on shared file mappings. Parks.
  virtual base::Result<void> Sync(base::GuestRange range, int flags) = 0;

  // Several operations in one round trip to the stub, in order; stops at the first that fails and returns its error.
  struct Operation {
    enum class Kind { kMapAnonymous, kMapFile, kUnmap, kProtect, kAdvise } kind;
    base::GuestRange range;
    Protection protection = 0;
    bool shared = false;
    bool no_reserve = false;
    DonatedFile* file = nullptr;  // Kept alive by the caller until Apply returns.
    uint64_t offset = 0;
    int advice = 0;
  };
  virtual base::Result<void> Apply(std::span<const Operation> operations) = 0;  // Parks.

  // Copies guest memory. Returns how many bytes were copied before the first inaccessible one; EFAULT when none.
  // `ignore_protection` reads and writes where the guest itself may not (ptrace, loaders); private pages are then
  // copied. May block the host thread on file-backed pages; never parks.
  virtual base::Result<size_t> CopyIn(base::GuestAddr from, std::span<std::byte> to,
                                      bool ignore_protection = false) = 0;
  // CopyIn of a string: of the bytes behind its null any may be missing.
  virtual base::Result<size_t> CopyInString(base::GuestAddr from, std::span<char> to) {
    return CopyIn(from, std::as_writable_bytes(to));
  }
  virtual base::Result<size_t> CopyOut(base::GuestAddr to, std::span<const std::byte> from,
                                       bool ignore_protection = false) = 0;
  // Atomic access to an aligned 32-bit word, for futexes and robust lists. EFAULT when not mapped or not permitted.
  // CompareExchange needs a real atomic on the guest's memory and may park.
  virtual base::Result<uint32_t> LoadWord(base::GuestAddr address) = 0;
  // Returns the value found; the exchange happened iff it equals `expected`.
  virtual base::Result<uint32_t> CompareExchangeWord(base::GuestAddr address, uint32_t expected, uint32_t desired) = 0;

  // Rewrites the call site whose instruction ends at `ip`, for calls of `number`, to go through `entry`, kCallEntrySize
  // bytes of executable private memory that lie within 2 GiB of it and are the platform's from now on. The bytes of the
  // site must be private to this address space when written to (a private mapping). `caller` has a call pending there.
  // Errors: EEXIST (it is patched already: another thread did, or it was inherited by a fork), EINVAL (the bytes are no
  // site that can be rewritten), EBUSY (other threads could be in the middle of it), EFAULT, EOPNOTSUPP (the platform
  // has nothing to gain by it). Never parks.
  static constexpr uint64_t kCallEntrySize = 64;
  virtual base::Result<void> PatchCallSite(GuestThread& caller, base::GuestAddr ip, uint32_t number,
                                           base::GuestAddr entry) {
    (void)caller, (void)ip, (void)number, (void)entry;
    return base::Errno(EOPNOTSUPP);
  }

  // Starts a thread of this address space that will run from `registers` and `state` (empty: initial state) at its
  // first Run. Parks. Errors: EAGAIN when the host or the budget refuses.
  virtual base::Result<std::unique_ptr<GuestThread>> NewThread(const Registers& registers,
                                                               const ExtendedState& state) = 0;

  struct Forked {
    base::RefPtr<AddressSpace> space;
    std::unique_ptr<GuestThread> thread;
  };
  // A copy of this address space (copy on write by the host) with one thread that will run from `registers` and
  // `state`. Parks. Errors: EAGAIN, ENOMEM.
  virtual base::Result<Forked> Fork(const Registers& registers, const ExtendedState& state) = 0;

  // Sets what the host shows of this process: comm (15 bytes at most). Best effort.
  virtual void SetName(std::string_view comm) = 0;

  // Resident bytes, and the host's pid; 0 when gone. For accounting and diagnostics.
  virtual uint64_t resident_bytes() const = 0;
  virtual int host_pid() const = 0;

  // Kills the stub at once; every thread's Run returns kGone. Any thread, never parks.
  virtual void Kill() = 0;
};

// What one container's stubs share: a descriptor table for mapping, a zygote, a listener.
class Container {
 public:
  virtual ~Container() = default;
  // A pristine address space: nothing mapped but the platform's own region (and, if `vdso` was given at creation,
  // nothing either: the loader maps it). Usually ready in a pool. Parks. Errors: EAGAIN, ENOMEM.
  virtual base::Result<base::RefPtr<AddressSpace>> NewAddressSpace() = 0;
  // Makes `fd` mappable. The stubs get a read-only view unless `writable`. Parks. Errors: EMFILE, ENFILE, EAGAIN.
  virtual base::Result<base::RefPtr<DonatedFile>> Donate(base::UniqueFd fd, bool writable) = 0;
};

// Counters for `runsc debug --stats` and tests; monotonic.
struct PlatformStats {
  uint64_t notified_calls = 0;
  uint64_t trapped_calls = 0;
  uint64_t hot_calls = 0;
  uint64_t patched_sites = 0;
  uint64_t continued_calls = 0;
  uint64_t helper_commands = 0;
  uint64_t kicks = 0;
  uint64_t listener_leaves = 0;
  uint64_t live_stubs = 0;
  uint64_t live_threads = 0;
};

class Platform {
 public:
  virtual ~Platform() = default;

  // How to prepare a platform (each has a static Prepare of its own, for the sentry process while it is single-threaded
  // and privileged inside its user namespace, before it installs a seccomp filter and drops capabilities).
  struct Options {
    // How many zygotes to make: each serves one container (NewContainer).
    int zygotes = 1;
    // An O_PATH|O_DIRECTORY descriptor of a procfs instance of the sentry's pid namespace, borrowed for Prepare (which
    // keeps a duplicate). -1: /proc is opened in its place, if there is one.
    int proc_fd = -1;
    // oom_score_adj of the stubs; unset: inherited.
    std::optional<int> oom_score_adj;
    // Whether a zygote that cannot get its own empty network, ipc, uts and mount namespaces is an error (EPERM).
    // Otherwise what is refused is logged and left out; the filter does not depend on it.
    bool require_namespaces = false;
  };

  virtual std::string_view name() const = 0;
  // Starts the platform's host threads and binds it to the scheduler. Before the first receiver is polled and before
  // NewContainer. The executor must outlive the platform. Errors: EAGAIN, or what the host refused.
  virtual base::Result<void> Start(Executor& executor) = 0;
  // What the scheduler polls from Start on; valid as long as the platform.
  virtual std::span<Receiver* const> receivers() const = 0;
  // Where the host's vDSO image (an ELF header) lies in every guest address space, outside [min_address, max_address):
  // for AT_SYSINFO_EHDR. Null when there is none.
  virtual base::GuestAddr host_vdso() const = 0;
  // Guest addresses lie in [min_address, max_address).
  virtual base::GuestAddr min_address() const = 0;
  virtual base::GuestAddr max_address() const = 0;
  // Bytes of ExtendedState on this machine.
  virtual size_t extended_state_size() const = 0;
  virtual PlatformStats stats() const = 0;
  // A container whose zygote was made before the sentry locked itself down (Prepare). Each prepared
  // zygote serves one call. Errors: EAGAIN when none is left.
  virtual base::Result<std::unique_ptr<Container>> NewContainer() = 0;
};

}  // namespace platform
