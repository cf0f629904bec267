// SPDX-License-Identifier: Apache-2.0
// Instead of F1: a filter that takes nothing away. Linked into runsc_without_guest_filter, with which native_calls.py
// must find the intruder's calls.
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "platform/systrap/filter.h"

namespace platform::systrap {

std::vector<sock_filter> BuildF1() { return {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}; }

}  // namespace platform::systrap
