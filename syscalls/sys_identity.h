// SPDX-License-Identifier: Apache-2.0
// User and group ids, supplementary groups, capabilities.
#pragma once

#include "base/abi/capability.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<base::Uid> SysGetuid(Task& task);
base::Result<base::Uid> SysGeteuid(Task& task);
base::Result<base::Gid> SysGetgid(Task& task);
base::Result<base::Gid> SysGetegid(Task& task);
base::Result<void> SysGetresuid(Task& task, sentry::UserOut<uint32_t> real, sentry::UserOut<uint32_t> effective,
                                sentry::UserOut<uint32_t> saved);
base::Result<void> SysGetresgid(Task& task, sentry::UserOut<uint32_t> real, sentry::UserOut<uint32_t> effective,
                                sentry::UserOut<uint32_t> saved);
base::Result<void> SysSetuid(Task& task, base::Uid uid);
base::Result<void> SysSetreuid(Task& task, base::Uid real, base::Uid effective);
base::Result<void> SysSetresuid(Task& task, base::Uid real, base::Uid effective, base::Uid saved);
base::Result<base::Uid> SysSetfsuid(Task& task, base::Uid uid);
base::Result<void> SysSetgid(Task& task, base::Gid gid);
base::Result<void> SysSetregid(Task& task, base::Gid real, base::Gid effective);
base::Result<void> SysSetresgid(Task& task, base::Gid real, base::Gid effective, base::Gid saved);
base::Result<base::Gid> SysSetfsgid(Task& task, base::Gid gid);
base::Result<int32_t> SysGetgroups(Task& task, int32_t size, sentry::UserOut<uint32_t> list);
base::Result<void> SysSetgroups(Task& task, int32_t size, sentry::UserIn<uint32_t> list);
base::Result<void> SysCapget(Task& task, sentry::UserInOut<base::abi::CapabilityHeader> header,
                             sentry::UserOut<base::abi::CapabilityData> data);
base::Result<void> SysCapset(Task& task, sentry::UserInOut<base::abi::CapabilityHeader> header,
                             sentry::UserIn<base::abi::CapabilityData> data);

}  // namespace syscalls
