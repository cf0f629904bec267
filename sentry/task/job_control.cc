// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/job_control.h"

#include <signal.h>

#include <algorithm>

#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

bool HasStoppedMember(const ProcessGroup& group) {
  return std::any_of(group.members.begin(), group.members.end(),
                     [](const ThreadGroup* member) { return !member->zombie && member->stopped(); });
}

void HangUpIfOrphaned(ProcessGroup& group, const ThreadGroup& leaving) {
  if (!IsOrphaned(group, &leaving) || !HasStoppedMember(group)) return;
  SignalProcessGroup(group, SIGHUP);
  SignalProcessGroup(group, SIGCONT);
}

}  // namespace

base::abi::Siginfo KernelSignal(int signal) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = SI_KERNEL;
  return info;
}

void SignalProcessGroup(ProcessGroup& group, int signal) {
  for (ThreadGroup* member : group.members) {
    if (!member->zombie) member->SendSignal(KernelSignal(signal));
  }
}

bool IsOrphaned(const ProcessGroup& group, const ThreadGroup* leaving) {
  return std::none_of(group.members.begin(), group.members.end(), [&](const ThreadGroup* member) {
    const ThreadGroup* parent = member->parent;
    return member != leaving && parent != leaving && !member->zombie && parent != nullptr && parent->process_group &&
           parent->process_group.get() != &group && parent->process_group->session == group.session;
  });
}

void HangUpOrphans(ThreadGroup& ending) {
  const base::RefPtr<ProcessGroup> own = ending.process_group;
  if (!own) return;
  // Its own group loses the tie through its parent ...
  const ThreadGroup* parent = ending.parent;
  if (parent != nullptr && parent->process_group && parent->process_group != own &&
      parent->process_group->session == own->session) {
    HangUpIfOrphaned(*own, ending);
  }
  // ... and its children's groups the one through itself.
  for (const base::RefPtr<ThreadGroup>& child : ending.children) {
    const base::RefPtr<ProcessGroup> group = child->process_group;
    if (group && group != own && group->session == own->session) HangUpIfOrphaned(*group, ending);
  }
}

}  // namespace sentry
