// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_sched.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <vector>

#include "sentry/kernel.h"
#include "sentry/task/scheduling.h"
#include "syscalls/process_lookup.h"

namespace syscalls {
namespace {

using sentry::Scheduling;

constexpr int kMaxRealTimePriority = 99;
constexpr int kPolicyDeadline = 6;  // SCHED_DEADLINE
constexpr int kResetOnFork = 0x40000000;
constexpr int64_t kTimeSlice = 4'000'000;

// struct sched_attr (sched_setattr(2)).
struct SchedAttr {
  uint32_t size = 0, policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
  uint32_t util_min = 0, util_max = 0;
};
static_assert(sizeof(SchedAttr) == 56);
constexpr uint32_t kSchedAttrSizeVersion0 = 48;
constexpr uint64_t kSchedFlagResetOnFork = 1;
constexpr uint64_t kSchedFlagKeepPolicy = 8;
constexpr uint64_t kSchedFlagKeepParams = 16;
constexpr uint64_t kKnownSchedFlags = kSchedFlagResetOnFork | kSchedFlagKeepPolicy | kSchedFlagKeepParams;

bool IsNormal(int policy) { return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE; }
bool IsRealTime(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

// EINVAL; ESRCH.
base::Result<base::RefPtr<Task>> FindTarget(Task& task, base::Tid tid) {
  if (tid.value() < 0) return base::Errno(EINVAL);
  if (tid.value() == 0 || tid == task.tid()) return base::RefPtr<Task>(&task);
  base::MutexLock lock(task.kernel().tree_mutex());
  base::RefPtr<Task> found = FindThread(task, tid);
  if (!found) return base::Errno(ESRCH);
  return found;
}

// The calls on affinity know no other error of a bad id.
base::Result<base::RefPtr<Task>> FindAffinityTarget(Task& task, base::Tid tid) {
  if (tid.value() < 0) return base::Errno(ESRCH);
  return FindTarget(task, tid);
}

// The caller's effective id is the target's real or effective one, or CAP_SYS_NICE.
bool OwnsOrNice(Task& task, Task& target) {
  const vfs::Credentials& own = task.credentials();
  base::RefPtr<vfs::Credentials> other = target.SharedCredentials();
  return own.euid == other->ruid || own.euid == other->euid || own.HasCapability(kCapSysNice);
}

Scheduling Get(Task& target) {
  return target.scheduling().With([](const Scheduling& s) { return s; });
}

// RLIMIT_NICE: 20 minus the lowest nice value allowed.
bool MayLowerNice(Task& task, Task& target, int nice) {
  uint64_t limit = target.group().limits().Soft(RLIMIT_NICE);
  return static_cast<uint64_t>(20 - nice) <= limit || task.credentials().HasCapability(kCapSysNice);
}

// The tasks getpriority(2) and ioprio_get(2) name; `user` kinds by the real id. Calls `visit` with the tree lock held.
enum class Whose { kThread, kGroup, kUser };
base::Result<int> VisitTargets(Task& task, Whose whose, int32_t who, const std::function<void(Task&)>& visit) {
  sentry::Kernel& kernel = task.kernel();
  base::MutexLock lock(kernel.tree_mutex());
  int count = 0;
  auto visit_group = [&](sentry::ThreadGroup& group) {
    for (Task* member : group.tasks) {
      visit(*member);
      ++count;
    }
  };
  switch (whose) {
    case Whose::kThread: {
      base::RefPtr<Task> target = who == 0 ? base::RefPtr<Task>(&task) : FindThread(task, base::Tid(who));
      if (target) {
        visit(*target);
        ++count;
      }
      break;
    }
    case Whose::kGroup: {
      base::RefPtr<sentry::ProcessGroup> group =
          who == 0 ? task.group().process_group : kernel.FindProcessGroup(base::Pid(who));
      if (group) {
        for (sentry::ThreadGroup* member : group->members) {
          if (&member->container() == &task.container()) visit_group(*member);
        }
      }
      break;
    }
    case Whose::kUser: {
      base::KUid uid = who == 0 ? task.credentials().ruid : base::KUid(static_cast<uint32_t>(who));
      kernel.ForEachGroup([&](sentry::ThreadGroup& group) {
        if (&group.container() == &task.container() && !group.tasks.empty() && CredentialsOf(group)->ruid == uid) {
          visit_group(group);
        }
      });
      break;
    }
  }
  if (count == 0) return base::Errno(ESRCH);
  return count;
}

base::Result<Whose> PriorityKind(int32_t which) {
  switch (which) {
    case PRIO_PROCESS:
      return Whose::kThread;
    case PRIO_PGRP:
      return Whose::kGroup;
    case PRIO_USER:
      return Whose::kUser;
    default:
      return base::Errno(EINVAL);
  }
}

// ioprio_set(2) counts from 1.
base::Result<Whose> IoPriorityKind(int32_t which) { return PriorityKind(which - 1); }

base::Result<void> CheckPolicy(Task& task, Task& target, int policy, int priority) {
  if (IsNormal(policy)) {
    if (priority != 0) return base::Errno(EINVAL);
    if (!OwnsOrNice(task, target)) return base::Errno(EPERM);
    return {};
  }
  if (!IsRealTime(policy)) return base::Errno(EINVAL);
  if (priority < 1 || priority > kMaxRealTimePriority) return base::Errno(EINVAL);
  // The host gives nobody real-time scheduling here, whatever the guest's capabilities.
  return base::Errno(EPERM);
}

}  // namespace

base::Result<void> SysSchedYield(Task& task) {
  task.kernel().scheduler().Yield();
  return {};
}

base::Result<uint64_t> SysSchedGetaffinity(Task& task, base::Tid tid, uint32_t length, base::GuestAddr mask) {
  Scheduling::CpuMask available = sentry::AvailableCpus();
  // The kernel's masks have as many words as the highest CPU needs.
  size_t words = 1;
  for (size_t i = 0; i < available.size(); ++i) {
    if (available[i] != 0) words = i + 1;
  }
  if (length < words * sizeof(uint64_t) || length % sizeof(uint64_t) != 0) return base::Errno(EINVAL);
  base::RefPtr<Task> target = TRY(FindAffinityTarget(task, tid));
  Scheduling scheduling = Get(*target);
  const Scheduling::CpuMask& shown = scheduling.has_affinity ? scheduling.affinity : available;
  std::span<const uint64_t> result = std::span(shown).first(words);
  TRY(task.user_memory().CopyOut(mask, std::as_bytes(result)));
  return result.size_bytes();
}

base::Result<void> SysSchedSetaffinity(Task& task, base::Tid tid, uint32_t length, base::GuestAddr mask) {
  Scheduling::CpuMask wanted{};
  size_t size = std::min<size_t>(length, sizeof(wanted));
  TRY(task.user_memory().CopyIn(mask, std::as_writable_bytes(std::span(wanted)).first(size)));
  base::RefPtr<Task> target = TRY(FindAffinityTarget(task, tid));
  if (!OwnsOrNice(task, *target)) return base::Errno(EPERM);
  Scheduling::CpuMask available = sentry::AvailableCpus();
  bool any = false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    wanted[i] &= available[i];
    any = any || wanted[i] != 0;
  }
  if (!any) return base::Errno(EINVAL);
  target->scheduling().With([&](Scheduling& s) {
    s.has_affinity = true;
    s.affinity = wanted;
  });
  return {};
}

base::Result<int32_t> SysSchedGetscheduler(Task& task, base::Tid tid) {
  Scheduling scheduling = Get(*TRY(FindTarget(task, tid)));
  return scheduling.policy | (scheduling.reset_on_fork ? kResetOnFork : 0);
}

base::Result<void> SysSchedSetscheduler(Task& task, base::Tid tid, int32_t policy, sentry::UserIn<int32_t> priority) {
  if (policy < 0 || priority.is_null() || tid.value() < 0) return base::Errno(EINVAL);
  int32_t value = TRY(priority.Read(task.user_memory()));
  base::RefPtr<Task> target = TRY(FindTarget(task, tid));
  int32_t bare = policy & ~kResetOnFork;
  TRY(CheckPolicy(task, *target, bare, value));
  target->scheduling().With([&](Scheduling& s) {
    s.policy = bare;
    s.reset_on_fork = (policy & kResetOnFork) != 0;
  });
  return {};
}

base::Result<void> SysSchedGetparam(Task& task, base::Tid tid, sentry::UserOut<int32_t> priority) {
  if (priority.is_null()) return base::Errno(EINVAL);
  TRY(FindTarget(task, tid));
  // None of the policies there are has priorities.
  return priority.Write(task.user_memory(), 0);
}

base::Result<void> SysSchedSetparam(Task& task, base::Tid tid, sentry::UserIn<int32_t> priority) {
  if (priority.is_null() || tid.value() < 0) return base::Errno(EINVAL);
  int32_t value = TRY(priority.Read(task.user_memory()));
  base::RefPtr<Task> target = TRY(FindTarget(task, tid));
  return CheckPolicy(task, *target, Get(*target).policy, value);
}

base::Result<void> SysSchedSetattr(Task& task, base::Tid tid, base::GuestAddr attributes, uint32_t flags) {
  if (attributes.is_null() || tid.value() < 0 || flags != 0) return base::Errno(EINVAL);
  uint32_t size = TRY(sentry::UserIn<uint32_t>(attributes).Read(task.user_memory()));
  if (size == 0) size = kSchedAttrSizeVersion0;
  if (size < kSchedAttrSizeVersion0 || size > base::kPageSize) {
    uint32_t known = sizeof(SchedAttr);
    TRY(task.user_memory().CopyOut(attributes, std::as_bytes(std::span(&known, 1))));
    return base::Errno(E2BIG);
  }
  std::vector<std::byte> bytes(std::max<size_t>(size, sizeof(SchedAttr)));
  TRY(task.user_memory().CopyIn(attributes, std::span(bytes).first(size)));
  for (size_t i = sizeof(SchedAttr); i < size; ++i) {
    if (bytes[i] != std::byte{0}) return base::Errno(E2BIG);
  }
  SchedAttr wanted;
  memcpy(&wanted, bytes.data(), sizeof(wanted));
  auto policy = static_cast<int32_t>(wanted.policy);
  if (policy < 0 || (wanted.flags & ~kKnownSchedFlags) != 0) return base::Errno(EINVAL);
  base::RefPtr<Task> target = TRY(FindTarget(task, tid));
  if ((wanted.flags & kSchedFlagKeepPolicy) != 0) policy = Get(*target).policy;
  TRY(CheckPolicy(task, *target, policy, static_cast<int>(wanted.priority)));
  bool keep_nice = (wanted.flags & kSchedFlagKeepParams) != 0 || policy == SCHED_IDLE;
  int nice = std::clamp(wanted.nice, -20, 19);
  if (!keep_nice && nice < Get(*target).nice && !MayLowerNice(task, *target, nice)) return base::Errno(EPERM);
  target->scheduling().With([&](Scheduling& s) {
    s.policy = policy;
    s.reset_on_fork = (wanted.flags & kSchedFlagResetOnFork) != 0;
    if (!keep_nice) s.nice = nice;
  });
  return {};
}

base::Result<void> SysSchedGetattr(Task& task, base::Tid tid, base::GuestAddr attributes, uint32_t size,
                                   uint32_t flags) {
  if (attributes.is_null() || tid.value() < 0 || size < kSchedAttrSizeVersion0 || size > base::kPageSize ||
      flags != 0) {
    return base::Errno(EINVAL);
  }
  Scheduling scheduling = Get(*TRY(FindTarget(task, tid)));
  SchedAttr attr;
  attr.size = std::min<uint32_t>(size, sizeof(attr));
  attr.policy = static_cast<uint32_t>(scheduling.policy);
  if (scheduling.reset_on_fork) attr.flags |= kSchedFlagResetOnFork;
  attr.nice = scheduling.nice;
  return task.user_memory().CopyOut(attributes, std::as_bytes(std::span(&attr, 1)).first(attr.size));
}

base::Result<int32_t> SysSchedGetPriorityMax(Task&, int32_t policy) {
  if (IsRealTime(policy)) return kMaxRealTimePriority;
  if (IsNormal(policy) || policy == kPolicyDeadline) return 0;
  return base::Errno(EINVAL);
}

base::Result<int32_t> SysSchedGetPriorityMin(Task&, int32_t policy) {
  if (IsRealTime(policy)) return 1;
  if (IsNormal(policy) || policy == kPolicyDeadline) return 0;
  return base::Errno(EINVAL);
}

base::Result<void> SysSchedRrGetInterval(Task& task, base::Tid tid, sentry::UserOut<base::abi::Timespec> interval) {
  TRY(FindTarget(task, tid));
  return interval.Write(task.user_memory(), {0, kTimeSlice});
}

base::Result<int32_t> SysGetpriority(Task& task, int32_t which, int32_t who) {
  Whose whose = TRY(PriorityKind(which));
  int lowest = INT32_MAX;
  TRY(VisitTargets(task, whose, who, [&](Task& target) { lowest = std::min(lowest, Get(target).nice); }));
  // So that no result looks like an error.
  return 20 - lowest;
}

base::Result<void> SysSetpriority(Task& task, int32_t which, int32_t who, int32_t nice) {
  Whose whose = TRY(PriorityKind(which));
  nice = std::clamp(nice, -20, 19);
  base::Result<void> result;
  TRY(VisitTargets(task, whose, who, [&](Task& target) {
    if (!OwnsOrNice(task, target)) {
      result = base::Errno(EPERM);
      return;
    }
    if (nice < Get(target).nice && !MayLowerNice(task, target, nice)) {
      result = base::Errno(EACCES);
      return;
    }
    target.scheduling().With([&](Scheduling& s) { s.nice = nice; });
  }));
  return result;
}

base::Result<int32_t> SysIoprioGet(Task& task, int32_t which, int32_t who) {
  Whose whose = TRY(IoPriorityKind(which));
  int best = INT32_MAX;
  TRY(VisitTargets(task, whose, who, [&](Task& target) {
    // "None" is the lowest of all, though its number is not.
    int priority = Get(target).io_priority;
    if (priority != 0) best = std::min(best, priority);
  }));
  return best == INT32_MAX ? 0 : best;
}

base::Result<void> SysIoprioSet(Task& task, int32_t which, int32_t who, int32_t priority) {
  constexpr int kClassShift = 13;
  constexpr int kLevels = 8;
  enum { kNone, kRealTime, kBestEffort, kIdle };
  int kind = priority >> kClassShift;
  int level = priority & ((1 << kClassShift) - 1);
  switch (kind) {
    case kRealTime:
      if (!task.credentials().HasCapability(kCapSysAdmin) && !task.credentials().HasCapability(kCapSysNice)) {
        return base::Errno(EPERM);
      }
      [[fallthrough]];
    case kBestEffort:
      if (level >= kLevels) return base::Errno(EINVAL);
      break;
    case kIdle:
      break;
    case kNone:
      if (level != 0) return base::Errno(EINVAL);
      break;
    default:
      return base::Errno(EINVAL);
  }
  Whose whose = TRY(IoPriorityKind(which));
  base::Result<void> result;
  TRY(VisitTargets(task, whose, who, [&](Task& target) {
    if (!OwnsOrNice(task, target)) {
      result = base::Errno(EPERM);
      return;
    }
    target.scheduling().With([&](Scheduling& s) { s.io_priority = priority; });
  }));
  return result;
}

}  // namespace syscalls
