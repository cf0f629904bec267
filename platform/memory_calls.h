// SPDX-License-Identifier: Apache-2.0
// The host system calls that carry out the operations of an AddressSpace, when a thread of the stub makes them. The
// sentry vets ranges; the checks here are the platform's own belief in nobody.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"

namespace platform {

struct HostCall {
  uint64_t number;
  uint64_t arguments[6];
};

// Whether the range is the guest's: page aligned, not empty, in [STUB_GUEST_BEGIN, STUB_GUEST_END). EINVAL.
base::Result<void> CheckGuestRange(base::GuestRange range);

// madvise(2) advice, below 32, as bit masks: what does no harm whoever gives it on guest memory, and what the platform
// gives there (that, and what concerns fork and shared pages).
uint32_t HarmlessAdvice();
uint32_t StubAdvice();

// Each fails with EINVAL when its arguments are not a guest's range, an offset in pages, or known advice. Files are
// StubFiles.
base::Result<HostCall> AnonymousCall(base::GuestRange range, Protection protection, bool shared, bool no_reserve);
base::Result<HostCall> FileCall(base::GuestRange range, Protection protection, bool shared, const DonatedFile& file,
                                uint64_t offset);
base::Result<HostCall> UnmapCall(base::GuestRange range);
base::Result<HostCall> ProtectCall(base::GuestRange range, Protection protection);
base::Result<HostCall> RemapCall(base::GuestRange from, base::GuestRange to);
base::Result<HostCall> AdviseCall(base::GuestRange range, int advice);
base::Result<HostCall> SyncCall(base::GuestRange range, int flags);
base::Result<HostCall> OperationCall(const AddressSpace::Operation& operation);

}  // namespace platform
