// SPDX-License-Identifier: Apache-2.0
// What uname(2), /proc/version and /proc/sys/kernel say this kernel is.
#pragma once

namespace sentry {

inline constexpr char kSystemName[] = "Linux";
// The Linux whose behaviour guests may count on.
inline constexpr char kSystemRelease[] = "6.1.0-runsc";
inline constexpr char kSystemVersion[] = "#1 SMP PREEMPT_DYNAMIC runsc 1.0";
inline constexpr char kMachine[] = "x86_64";

}  // namespace sentry
