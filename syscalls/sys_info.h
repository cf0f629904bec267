// SPDX-License-Identifier: Apache-2.0
// What the system is: names, memory, random numbers.
#pragma once

#include "base/abi/system.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysUname(Task& task, sentry::UserOut<base::abi::Utsname> name);
base::Result<void> SysSethostname(Task& task, base::GuestAddr name, int32_t length);
base::Result<void> SysSetdomainname(Task& task, base::GuestAddr name, int32_t length);
base::Result<void> SysSysinfo(Task& task, sentry::UserOut<base::abi::Sysinfo> info);
base::SysResult<uint64_t> SysGetrandom(Task& task, base::GuestAddr buffer, uint64_t length, uint32_t flags);
base::Result<void> SysGetcpu(Task& task, sentry::UserOut<uint32_t> cpu, sentry::UserOut<uint32_t> node,
                             base::GuestAddr unused);
base::Result<void> SysSyslog(Task& task, int32_t type, base::GuestAddr buffer, int32_t length);

base::Result<uint32_t> SysPersonality(Task& task, uint32_t persona);

}  // namespace syscalls
