// SPDX-License-Identifier: Apache-2.0
// The platform's pages in every guest address space. Included by assembler and C++: macros only.
//
//   STUB_CODE     code page (read, execute) and filter page (read): one sealed image, shared by all stubs
//   STUB_SCRATCH  private pages: what an injected call points at, and the host's signal frames; writable by the guest:
//                 untrusted
#pragma once

#include "platform/region_layout.h"

#define STUB_CODE STUB_BASE
#define STUB_CODE_SIZE 0x1000
#define STUB_FILTER (STUB_BASE + 0x1000)
#define STUB_IMAGE_SIZE 0x2000

#define STUB_SCRATCH (STUB_BASE + 0x10000)
#define STUB_SCRATCH_SIZE 0x6000
// What an injected call points at.
#define SCRATCH_NAME (STUB_SCRATCH + 0x00)
#define SCRATCH_MESSAGE (STUB_SCRATCH + 0x40)
// Where the host puts signal frames: below here.
#define SCRATCH_STACK (STUB_SCRATCH + STUB_SCRATCH_SIZE)

// The host signal that brings a thread to a stop (SIGUSR1).
#define STUB_KICK_SIGNAL 10
