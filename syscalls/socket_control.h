// SPDX-License-Identifier: Apache-2.0
// Control messages in guest memory (cmsg(3), unix(7)).
#pragma once

#include <cstdint>

#include "base/abi/socket.h"
#include "base/result.h"
#include "sentry/net/socket/socket_message.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

// Checks and decodes what sendmsg(2) was given. EINVAL: malformed, or of a kind that cannot be sent; EBADF; EPERM:
// somebody else's credentials; ESRCH; ENOBUFS: too long.
base::Result<sentry::ControlData> ReadControl(Task& task, const base::abi::Msghdr& header, int family);

// Installs what was received and writes as much as there is room for; the rest is closed. Sets header's control_length
// to what was written, and MSG_CTRUNC in its flags. EFAULT: nothing was installed.
base::Result<void> WriteControl(Task& task, sentry::ControlData control, bool close_on_exec, base::abi::Msghdr& header);

}  // namespace syscalls
