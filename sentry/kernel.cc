// SPDX-License-Identifier: Apache-2.0
#include "sentry/kernel.h"

#include <poll.h>
#include <signal.h>

#include "base/log.h"
#include "sentry/futex/futex.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/net/network_namespace.h"
#include "sentry/sched/fiber_mutex.h"
#include "sentry/task/memory_limits.h"
#include "vfs/mount.h"

namespace sentry {
namespace {

// The scheduler's fiber mutex as the memory manager sees it.
class FiberMemoryLock : public MemoryLock {
 public:
  explicit FiberMemoryLock(platform::Executor& executor) : mutex_(executor) {}
  void Lock() override { mutex_.Lock(); }
  void Unlock() override { mutex_.Unlock(); }

 private:
  FiberMutex mutex_;
};

}  // namespace

constinit base::LockClass Kernel::kTreeLock{"Kernel::tree_mutex_"};

Container::Container(std::string id, std::unique_ptr<platform::Container> spaces,
                     base::RefPtr<vfs::MountNamespace> mounts, std::string hostname, std::string domainname)
    : id(std::move(id)),
      spaces(std::move(spaces)),
      mounts(std::move(mounts)),
      hostname(std::move(hostname)),
      domainname(std::move(domainname)) {}

Container::~Container() = default;

Kernel::Kernel(const Options& options, Scheduler& scheduler, platform::Platform& platform, const SyscallTable& table)
    : options_(options),
      scheduler_(scheduler),
      platform_(platform),
      table_(table),
      futexes_(std::make_unique<FutexTable>()),
      network_(base::MakeRef<NetworkNamespace>()),
      tree_mutex_(kTreeLock) {}

Kernel::~Kernel() = default;

void Kernel::NoteUnimplemented(uint32_t number, const char* name) {
  if (number < SyscallTable::kSize && noted_[number].exchange(true, std::memory_order_relaxed)) return;
  RUNSC_WARN("system call %u (%s) is not implemented: ENOSYS", number, name);
}

LoadArguments Kernel::MakeLoadArguments(vfs::Context& context, ProgramHost& host, Container& container,
                                        Limits& limits) {
  return LoadArguments{.context = context,
                       .host = host,
                       .platform = platform_,
                       .environment = {.container = container.spaces.get(),
                                       .make_lock = [this] { return std::make_unique<FiberMemoryLock>(scheduler_); }},
                       .file = nullptr,
                       .filename = {},
                       .arguments = {},
                       .environment_variables = {},
                       .limits = MakeMemoryLimits(limits, context.credentials()),
                       .vdso = options_.vdso};
}

bool Kernel::MayAddProcess(const vfs::Credentials& credentials, uint64_t limit) {
  constexpr int kCapSysAdmin = 21;
  constexpr int kCapSysResource = 24;
  if (limit == RLIM_INFINITY || credentials.ruid == base::KUid(0) || credentials.HasCapability(kCapSysAdmin) ||
      credentials.HasCapability(kCapSysResource)) {
    return true;
  }
  uint64_t count = 0;
  base::MutexLock lock(tree_mutex_);
  ForEachGroup([&](ThreadGroup& group) {
    for (Task* task : group.tasks) {
      base::RefPtr<vfs::Credentials> other = task->SharedCredentials();
      if (other && other->ruid == credentials.ruid) ++count;
    }
  });
  return count < limit;
}

void Kernel::SignalContainer(Container& container, int signal, bool all) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = SI_USER;
  base::MutexLock lock(tree_mutex_);
  if (!all) {
    if (container.init && !container.init->zombie) container.init->SendSignal(info);
    return;
  }
  ForEachGroup([&](ThreadGroup& group) {
    if (&group.container() == &container && !group.zombie) group.SendSignal(info);
  });
}

}  // namespace sentry
