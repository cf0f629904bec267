// SPDX-License-Identifier: Apache-2.0
// Giving up what a process need not have.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runsc/sandbox/handshake.h"
#include "runsc/util/status.h"

namespace runsc {

// The first thing a spawned gofer or sentry does: not dumpable, killed when the spawning runsc ends (see
// Handshake::Ready), umask 0, named `name`, SIGPIPE ignored, host limits that would hit it raised.
Status HardenSelf(const char* name, const Handshake& runsc);

// no_new_privs: no program that this process or its children run gets more than they have.
Status ForbidNewPrivileges();

// Lets the kernel's OOM killer choose others first, if we may.
void ProtectFromOom();

// Takes on host ids `uid` and `gid` (if not -1), without supplementary groups, then makes a user namespace whose ids
// runsc maps on request. Afterwards the process has every capability inside that namespace and none outside.
Status EnterUserNamespace(int64_t uid, int64_t gid, Handshake& runsc);

// Keeps only the capabilities of `mask` (permitted and effective; the bounding and ambient sets are emptied), and makes
// sure that uid 0 gives no others.
Status KeepCapabilities(uint64_t mask);

}  // namespace runsc
