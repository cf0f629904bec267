// SPDX-License-Identifier: Apache-2.0
// Finding the processes a call may name. All with the tree lock held.
#pragma once

#include "base/abi/signal.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "vfs/credentials.h"

namespace syscalls {

using sentry::Task;

// Capabilities (capabilities(7)) of the calls here.
inline constexpr int kCapKill = 5;
inline constexpr int kCapSetgid = 6;
inline constexpr int kCapSetuid = 7;
inline constexpr int kCapSetpcap = 8;
inline constexpr int kCapSysPtrace = 19;
inline constexpr int kCapSysAdmin = 21;
inline constexpr int kCapSysNice = 23;
inline constexpr int kCapSysResource = 24;
inline constexpr int kLastCapability = 40;

// A process or thread of the caller's container; containers do not see each other's. Null if there is none.
base::RefPtr<sentry::ThreadGroup> FindProcess(Task& task, base::Pid pid);
base::RefPtr<Task> FindThread(Task& task, base::Tid tid);

// A thread's credentials, a zombie's as far as they are known.
base::RefPtr<vfs::Credentials> CredentialsOf(sentry::ThreadGroup& group);

}  // namespace syscalls
