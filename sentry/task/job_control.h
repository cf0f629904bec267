// SPDX-License-Identifier: Apache-2.0
// Process groups as a whole. All with the tree lock held.
#pragma once

#include "base/abi/signal.h"

namespace sentry {

class ProcessGroup;
class ThreadGroup;

// A signal of the kernel's own.
base::abi::Siginfo KernelSignal(int signal);
void SignalProcessGroup(ProcessGroup& group, int signal);

// Whether nobody in the session but outside of the group is parent of one of its members: nobody would continue it
// (setpgid(2), "NOTES"). `leaving`: a process that does not count any more.
bool IsOrphaned(const ProcessGroup& group, const ThreadGroup* leaving = nullptr);

// A process is about to leave its parent and its children: SIGHUP and SIGCONT to groups that become orphaned by that
// and have stopped members (_exit(2)). `ending` is still where it was in the tree.
void HangUpOrphans(ThreadGroup& ending);

}  // namespace sentry
