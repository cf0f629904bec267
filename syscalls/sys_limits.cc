// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_limits.h"

#include <sys/resource.h>

#include <optional>

#include "sentry/kernel.h"
#include "syscalls/process_lookup.h"

namespace syscalls {
namespace {

using base::abi::Rlimit;
using base::abi::Rusage;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kNanosecondsPerMicrosecond = 1000;

base::abi::Timeval64 ToTimeval(int64_t ns) {
  return {ns / kNanosecondsPerSecond, ns % kNanosecondsPerSecond / kNanosecondsPerMicrosecond};
}

base::Result<Rlimit> Exchange(Task& task, sentry::ThreadGroup& target, uint32_t resource,
                              const std::optional<Rlimit>& wanted) {
  if (resource >= RLIM_NLIMITS) return base::Errno(EINVAL);
  sentry::Limit old = target.limits().Get(static_cast<int>(resource));
  if (wanted) {
    if (wanted->soft > wanted->hard) return base::Errno(EINVAL);
    if (resource == RLIMIT_NOFILE && wanted->hard > sentry::FdTable::kMaxDescriptors) return base::Errno(EPERM);
    if (wanted->hard > old.hard && !task.credentials().HasCapability(kCapSysResource)) return base::Errno(EPERM);
    target.limits().Set(static_cast<int>(resource), {.soft = wanted->soft, .hard = wanted->hard});
    if (resource == RLIMIT_CPU) target.cpu_limit().Update();
  }
  return Rlimit{old.soft, old.hard};
}

// prlimit(2): all ids of the target are those of the caller, or CAP_SYS_RESOURCE.
bool MayChange(Task& task, sentry::ThreadGroup& target) {
  if (&target == &task.group()) return true;
  const vfs::Credentials& own = task.credentials();
  base::RefPtr<vfs::Credentials> other = CredentialsOf(target);
  if (own.ruid == other->euid && own.ruid == other->suid && own.ruid == other->ruid && own.rgid == other->egid &&
      own.rgid == other->sgid && own.rgid == other->rgid) {
    return true;
  }
  return own.HasCapability(kCapSysResource);
}

}  // namespace

Rusage MakeRusage(const sentry::ResourceUsage& usage) {
  constexpr uint64_t kKibibyte = 1024;
  Rusage result;
  result.user_time = ToTimeval(usage.times.user_ns);
  result.system_time = ToTimeval(usage.times.system_ns);
  result.max_rss = static_cast<int64_t>(usage.max_resident_bytes / kKibibyte);
  result.voluntary_switches = static_cast<int64_t>(usage.waits);
  return result;
}

base::Result<void> SysGetrlimit(Task& task, uint32_t resource, sentry::UserOut<Rlimit> limit) {
  return limit.Write(task.user_memory(), TRY(Exchange(task, task.group(), resource, std::nullopt)));
}

base::Result<void> SysSetrlimit(Task& task, uint32_t resource, sentry::UserIn<Rlimit> limit) {
  Rlimit wanted = TRY(limit.Read(task.user_memory()));
  TRY(Exchange(task, task.group(), resource, wanted));
  return {};
}

base::Result<void> SysPrlimit64(Task& task, base::Pid pid, uint32_t resource, sentry::UserIn<Rlimit> limit,
                                sentry::UserOut<Rlimit> old) {
  std::optional<Rlimit> wanted;
  if (!limit.is_null()) wanted = TRY(limit.Read(task.user_memory()));
  base::RefPtr<sentry::ThreadGroup> target(&task.group());
  if (pid.value() != 0 && pid != task.group().pid()) {
    base::MutexLock lock(task.kernel().tree_mutex());
    base::RefPtr<Task> thread = FindThread(task, base::Tid(pid.value()));
    target = thread ? base::RefPtr<sentry::ThreadGroup>(&thread->group()) : FindProcess(task, pid);
    if (!target) return base::Errno(ESRCH);
    if (!MayChange(task, *target)) return base::Errno(EPERM);
  }
  Rlimit previous = TRY(Exchange(task, *target, resource, wanted));
  if (!old.is_null()) TRY(old.Write(task.user_memory(), previous));
  return {};
}

base::Result<void> SysGetrusage(Task& task, int32_t who, sentry::UserOut<Rusage> usage) {
  Rusage result;
  switch (who) {
    case RUSAGE_SELF:
      task.group().NoteResident(task.memory());
      result = MakeRusage(sentry::ProcessUsage(task.group()));
      break;
    case RUSAGE_THREAD:
      result = MakeRusage(sentry::ThreadUsage(task));
      break;
    case RUSAGE_CHILDREN: {
      base::MutexLock lock(task.kernel().tree_mutex());
      result = MakeRusage(task.group().children_usage);
      break;
    }
    default:
      return base::Errno(EINVAL);
  }
  return usage.Write(task.user_memory(), result);
}

}  // namespace syscalls
