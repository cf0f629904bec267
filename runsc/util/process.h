// SPDX-License-Identifier: Apache-2.0
// Host processes, named so that a recycled pid is never mistaken for the process it once was.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

struct ProcessId {
  pid_t pid = 0;
  uint64_t start_time = 0;  // Clock ticks since boot: field 22 of /proc/<pid>/stat.
};

// The start time of a live process. kNotFound when there is no such process or it is a zombie.
StatusOr<uint64_t> StartTime(pid_t pid);
// A pidfd of exactly that process; kNotFound when it is gone (a zombie counts as gone).
StatusOr<base::UniqueFd> OpenProcess(const ProcessId& id);
bool IsAlive(const ProcessId& id);
// SIGKILL to exactly that process, then waits (at most `timeout_ms`) until it is dead. It need not be a child.
// OK when it was gone already.
Status KillAndWait(const ProcessId& id, int timeout_ms);

// The live processes that descend from `root`, without it, with the name each has given itself (/proc/<pid>/comm).
struct NamedProcess {
  pid_t pid = 0;
  std::string name;
};
std::vector<NamedProcess> Descendants(pid_t root);

// pidfd_send_signal(2).
Status SendSignal(int pidfd, int signal);
// waitpid of a child, restarted on EINTR. Returns the wait status; -1 if it is no child of ours (any more).
int WaitForChild(pid_t pid);
// A wait status as an exit code: the code, or 128 + signal.
int ExitCode(int wait_status);

}  // namespace runsc
