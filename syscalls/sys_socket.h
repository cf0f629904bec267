// SPDX-License-Identifier: Apache-2.0
// Sockets: making, naming and connecting them. Messages are in sys_socket_message.h, options in sys_socket_options.h.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using sentry::UserOut;

base::Result<base::Fd> SysSocket(Task& task, int32_t family, int32_t type, int32_t protocol);
base::Result<void> SysSocketpair(Task& task, int32_t family, int32_t type, int32_t protocol,
                                 UserOut<std::array<int32_t, 2>> fds);
base::Result<void> SysBind(Task& task, base::Fd fd, base::GuestAddr address, int32_t length);
base::Result<void> SysListen(Task& task, base::Fd fd, int32_t backlog);
base::SysResult<base::Fd> SysAccept(Task& task, base::Fd fd, base::GuestAddr address,
                                    sentry::UserInOut<int32_t> length);
base::SysResult<base::Fd> SysAccept4(Task& task, base::Fd fd, base::GuestAddr address,
                                     sentry::UserInOut<int32_t> length, int32_t flags);
base::SysResult<void> SysConnect(Task& task, base::Fd fd, base::GuestAddr address, int32_t length);
base::Result<void> SysShutdown(Task& task, base::Fd fd, int32_t how);
base::Result<void> SysGetsockname(Task& task, base::Fd fd, base::GuestAddr address, sentry::UserInOut<int32_t> length);
base::Result<void> SysGetpeername(Task& task, base::Fd fd, base::GuestAddr address, sentry::UserInOut<int32_t> length);

}  // namespace syscalls
