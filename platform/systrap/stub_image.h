// SPDX-License-Identifier: Apache-2.0
// The code and filter pages of the stub region, and where the labels of stub_amd64.S lie in it.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace platform::systrap {

// Addresses in every stub.
struct StubLabels {
  uint64_t boot;         // Where a helper starts.
  uint64_t handler;      // The host signal handler.
  uint64_t park;         // Behind the handler's park call.
  uint64_t restorer;     // rt_sigreturn.
  uint64_t exit;         // Ends a thread.
  uint64_t hello;        // Behind the call that installs F1.
  uint64_t helper_mask;  // The helper's signal mask.
  uint64_t f0;           // struct sock_fprog.
};
// Of the hot code (stub_hot_amd64.inc), in the order of their addresses.
struct HotLabels {
  uint64_t begin;      // Where patched call sites of one number arrive.
  uint64_t flags;      // From here on the guest's flags are in ax;
  uint64_t saved;      // from here on in the slot, and
  uint64_t named;      // from here on all else there is to say of the site and its number.
  uint64_t copying;    // From here on rdi, rsi and r10 are in the slot.
  uint64_t posted;     // From here on a request may be in the slot.
  uint64_t wait;       // The request was taken.
  uint64_t plain;      // On the way to the plain call, the flags in ax.
  uint64_t any;        // Where patched call sites of any number arrive, the number in rax;
  uint64_t any_saved;  // from here on in the slot.
  uint64_t any_plain;  // On the way to the plain call.
  uint64_t end;
};
const StubLabels& Labels();
const HotLabels& HotCode();
uint64_t HelperSignalMask();

// A sealed memory file of STUB_IMAGE_SIZE bytes.
base::Result<base::UniqueFd> MakeStubImage();

}  // namespace platform::systrap
