// SPDX-License-Identifier: Apache-2.0
// send(2), recv(2) and their relatives.
#pragma once

#include <cstdint>

#include "base/abi/socket.h"
#include "base/abi/time.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using UserMsghdr = sentry::UserInOut<base::abi::Msghdr>;
using UserMmsghdr = sentry::UserInOut<base::abi::Mmsghdr>;

base::SysResult<uint64_t> SysSendto(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t length, int32_t flags,
                                    base::GuestAddr address, int32_t address_length);
base::SysResult<uint64_t> SysRecvfrom(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t length, int32_t flags,
                                      base::GuestAddr address, sentry::UserInOut<int32_t> address_length);
base::SysResult<uint64_t> SysSendmsg(Task& task, base::Fd fd, UserMsghdr message, int32_t flags);
base::SysResult<uint64_t> SysRecvmsg(Task& task, base::Fd fd, UserMsghdr message, int32_t flags);
base::SysResult<uint64_t> SysSendmmsg(Task& task, base::Fd fd, UserMmsghdr messages, uint32_t count, int32_t flags);
base::SysResult<uint64_t> SysRecvmmsg(Task& task, base::Fd fd, UserMmsghdr messages, uint32_t count, int32_t flags,
                                      sentry::UserInOut<base::abi::Timespec> timeout);

}  // namespace syscalls
