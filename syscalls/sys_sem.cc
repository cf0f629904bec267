// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_sem.h"

#include <poll.h>

#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "sentry/ipc/ipc_namespace.h"
#include "sentry/ipc/semaphores.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"

namespace syscalls {
namespace {

using base::Errno;
using base::GuestAddr;
using sentry::SemaphoreSets;
using sentry::UserIn;
using sentry::UserOut;
namespace abi = base::abi;

SemaphoreSets& Sets(Task& task) { return sentry::IpcNamespace::Of(task.kernel()).semaphores(); }

base::Result<int32_t> GetValues(Task& task, int32_t id, GuestAddr to) {
  std::vector<uint16_t> values = TRY(Sets(task).Values(task, id));
  TRY(UserOut<uint16_t>(to).WriteArray(task.user_memory(), values));
  return 0;
}

base::Result<int32_t> SetValues(Task& task, int32_t id, GuestAddr from) {
  std::vector<uint16_t> values(TRY(Sets(task).Count(task, id)));
  TRY(UserIn<uint16_t>(from).ReadArray(task.user_memory(), values));
  TRY(Sets(task).SetValues(task, id, values));
  return 0;
}

base::Result<int32_t> Info(Task& task, bool used, GuestAddr to) {
  abi::SemLimits limits{.map = abi::kSemAll,
                        .sets = abi::kSemSets,
                        .all = abi::kSemAll,
                        .undo_structures = abi::kSemAll,
                        .per_set = abi::kSemPerSet,
                        .operations = static_cast<int32_t>(abi::kSemOperations),
                        .undo_entries = static_cast<int32_t>(abi::kSemOperations),
                        .undo_size = 20,
                        .max_value = abi::kSemMaxValue,
                        .max_adjust = abi::kSemMaxValue};
  int32_t sets = 0;
  int32_t semaphores = 0;
  int32_t highest = Sets(task).Info(&sets, &semaphores);
  if (used) {
    limits.undo_size = sets;
    limits.max_adjust = semaphores;
  }
  TRY(UserOut<abi::SemLimits>(to).Write(task.user_memory(), limits));
  return highest;
}

}  // namespace

base::Result<int32_t> SysSemget(Task& task, int32_t key, int32_t count, int32_t flags) {
  return Sets(task).Get(task, key, count, flags);
}

base::Result<void> SysSemtimedop(Task& task, int32_t id, GuestAddr from, uint32_t count, GuestAddr timeout) {
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) {
    int64_t wait = TRY(sentry::ReadTimespec(task.user_memory(), UserIn<abi::Timespec>(timeout)));
    if (__builtin_add_overflow(base::MonotonicNow(), wait, &deadline)) deadline = base::kForever;
  }
  if (count < 1 || id < 0) return Errno(EINVAL);
  if (count > abi::kSemOperations) return Errno(E2BIG);
  std::vector<abi::SemOperation> operations(count);
  TRY(UserIn<abi::SemOperation>(from).ReadArray(task.user_memory(), operations));

  SemaphoreSets& sets = Sets(task);
  std::unique_ptr<SemaphoreSets::Wait> wait = TRY(sets.Begin(task, id, operations));
  while (true) {
    sentry::WakeFlag flag(task);
    sentry::FlagWaiter waiter(flag, &wait->queue(), POLLIN);
    if (TRY(sets.Try(task, *wait, operations, &task.group()))) return {};
    switch (task.Block(flag, deadline)) {
      case sentry::BlockOutcome::kWoken:
        break;
      case sentry::BlockOutcome::kTimedOut:
        return Errno(EAGAIN);
      case sentry::BlockOutcome::kInterrupted:
        return Errno(EINTR);  // Never restarted (signal(7)).
    }
  }
}

base::Result<void> SysSemop(Task& task, int32_t id, GuestAddr operations, uint32_t count) {
  return SysSemtimedop(task, id, operations, count, GuestAddr());
}

base::Result<int32_t> SysSemctl(Task& task, int32_t id, int32_t number, int32_t command, GuestAddr argument) {
  if (id < 0) return Errno(EINVAL);
  SemaphoreSets& sets = Sets(task);
  vfs::UserMemory& memory = task.user_memory();
  switch (const int32_t kind = command & ~abi::kIpc64) {
    case abi::kIpcInfo:
    case abi::kSemInfo:
      return Info(task, kind == abi::kSemInfo, argument);
    case abi::kIpcStat:
    case abi::kSemStat:
    case abi::kSemStatAny: {
      int32_t found = 0;
      auto status = TRY(sets.Status(task, id, kind != abi::kIpcStat, kind == abi::kSemStatAny, &found));
      TRY(UserOut<abi::SemidDs>(argument).Write(memory, status));
      return kind == abi::kIpcStat ? 0 : found;
    }
    case abi::kIpcSet: {
      auto wanted = TRY(UserIn<abi::SemidDs>(argument).Read(memory));
      TRY(sets.SetPermission(task, id, wanted.permission));
      return 0;
    }
    case abi::kIpcRemove:
      TRY(sets.Remove(task, id));
      return 0;
    case abi::kSemGetValue:
    case abi::kSemGetPid:
    case abi::kSemGetIncreasing:
    case abi::kSemGetZero:
      return sets.Value(task, id, number, kind);
    case abi::kSemSetValue:
      TRY(sets.SetValue(task, id, number, static_cast<int32_t>(argument.value())));
      return 0;
    case abi::kSemGetAll:
      return GetValues(task, id, argument);
    case abi::kSemSetAll:
      return SetValues(task, id, argument);
    default:
      return Errno(EINVAL);
  }
}

}  // namespace syscalls
