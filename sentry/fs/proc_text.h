// SPDX-License-Identifier: Apache-2.0
// The contents of /proc files (proc(5)): each function gives the whole text of one file, as of now. Thread-safe; take
// the tree lock themselves. Files of a process that is gone (or a zombie, where Linux shows nothing) are empty.
#pragma once

#include <string>

#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "vfs/path.h"

namespace sentry {

// --- /proc/PID/... and /proc/PID/task/TID/... A thread is given by its task where the file is about one; `task` may be
// null for a zombie. `whole`: about the process, not the thread.
std::string ProcPidStat(ThreadGroup& group, Task* task, bool whole);
std::string ProcPidStatus(ThreadGroup& group, Task* task);
std::string ProcPidStatm(Task& task);
std::string ProcPidMaps(Task& task, const vfs::Path& root);
std::string ProcPidSmaps(Task& task, const vfs::Path& root);
std::string ProcPidCmdline(Task& task);
std::string ProcPidEnviron(Task& task);
std::string ProcPidAuxv(Task& task);
std::string ProcPidLimits(ThreadGroup& group);
std::string ProcPidComm(Task& task);
std::string ProcPidIo(Task& task);
std::string ProcPidCgroup(Task& task);
std::string ProcPidMounts(Task& task);
std::string ProcPidMountinfo(Task& task);
std::string ProcPidIdMap();
std::string ProcPidFdinfo(Task& task, base::Fd fd);

// --- /proc/PID/net/...
std::string ProcNetUnix(NetworkNamespace& network);

// --- The rest of /proc.
std::string ProcUptime();
std::string ProcLoadavg(Kernel& kernel);
std::string ProcMeminfo();
std::string ProcStat(Kernel& kernel);
std::string ProcCpuinfo();
std::string ProcVersion();
std::string ProcFilesystems();
std::string ProcCmdline();
std::string ProcLocks();

}  // namespace sentry
