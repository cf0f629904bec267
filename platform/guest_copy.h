// SPDX-License-Identifier: Apache-2.0
// What the host gives of another process of ours: its memory. All but the vDSO's pages above STUB_GUEST_END is none of
// the guest's business, and EFAULT.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace platform {

// How much of [address, address + size) the guest may name. `vdso` (0: none) is where it may read the host's vDSO.
size_t ClipToGuest(base::GuestAddr address, size_t size, uint64_t vdso);

// process_vm_readv(2) and process_vm_writev(2): what the guest itself may read and write. Both, and the next two,
// return how many bytes were copied before the first inaccessible one. Errors: EFAULT when none, whatever the host's
// reason (also for an empty span, and when `pid` is 0).
base::Result<size_t> ReadGuest(int pid, base::GuestAddr from, std::span<std::byte> to);
base::Result<size_t> WriteGuest(int pid, base::GuestAddr to, std::span<const std::byte> from);

// By a descriptor of /proc/pid/mem (may be -1): also what the guest itself may not.
base::Result<size_t> ReadMemoryFile(int file, base::GuestAddr from, std::span<std::byte> to);
base::Result<size_t> WriteMemoryFile(int file, base::GuestAddr to, std::span<const std::byte> from);

// `proc` is a descriptor of a procfs. None when there is no such process.
base::UniqueFd OpenMemoryFile(int proc, int pid);
uint64_t ResidentBytes(int proc, int pid);

}  // namespace platform
