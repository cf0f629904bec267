// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_futex.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/abi/futex.h"
#include "base/clock.h"
#include "sentry/futex/futex.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"

namespace syscalls {
namespace {

using base::Errno;
using base::GuestAddr;
using sentry::FutexKey;
using sentry::FutexTable;
using sentry::FutexWord;
namespace abi = base::abi;

class TaskFutexWaiter final : public sentry::FutexWaiter {
 public:
  explicit TaskFutexWaiter(sentry::WakeFlag& flag) : flag_(flag) {}
  void Notified() override { flag_.Set(); }

 private:
  sentry::WakeFlag& flag_;
};

// One FUTEX_WAIT or FUTEX_WAIT_BITSET, also when it is restarted.
struct Wait {
  GuestAddr address;
  uint32_t expected;
  uint32_t bitset;
  bool is_private;
  bool timed;
  int64_t deadline_ns;  // CLOCK_MONOTONIC.
};

base::SysResult<int64_t> RunWait(Task& task, const Wait& wait) {
  FutexTable& table = task.kernel().futexes();
  FutexKey key = TRY(FutexTable::MakeKey(task.memory(), wait.address, wait.is_private));
  FutexWord word{task.memory().address_space(), wait.address};
  sentry::WakeFlag flag(task);
  TaskFutexWaiter waiter(flag);
  TRY(table.Enqueue(waiter, std::move(key), word, wait.expected, wait.bitset));
  sentry::BlockOutcome outcome = task.Block(flag, wait.deadline_ns);
  // Woken and interrupted at once: a wake-up must not be lost.
  if (table.Dequeue(waiter)) return 0;
  if (outcome == sentry::BlockOutcome::kTimedOut) return Errno(ETIMEDOUT);
  if (!wait.timed) return base::Restart::kSys;
  // The deadline stays where it is.
  task.restart_block = [wait](Task& self) -> base::SysResult<uint64_t> {
    return static_cast<uint64_t>(TRY(RunWait(self, wait)));
  };
  return base::Restart::kRestartBlock;
}

bool TakesTimeout(uint32_t command) {
  return command == abi::kFutexWait || command == abi::kFutexWaitBitset || command == abi::kFutexLockPi ||
         command == abi::kFutexLockPi2 || command == abi::kFutexWaitRequeuePi;
}

// The deadline on CLOCK_MONOTONIC. FUTEX_WAIT gives a duration; the others a point in time, on CLOCK_REALTIME if they
// say so: setting that clock later does not move the deadline.
int64_t DeadlineOf(Task& task, int64_t time_ns, uint32_t command, bool realtime) {
  int64_t now = base::MonotonicNow();
  int64_t delay = time_ns;
  if (command != abi::kFutexWait) delay = time_ns - (realtime ? task.RealtimeNow() : now);
  int64_t deadline = 0;
  return __builtin_add_overflow(now, delay, &deadline) ? base::kForever : deadline;
}

// Linux wakes one waiter even when none was asked for.
int AtLeastOne(uint32_t count) { return std::max(static_cast<int32_t>(count), 1); }

base::Result<int64_t> Requeue(Task& task, GuestAddr address, GuestAddr second, uint32_t wake, uint32_t requeue,
                              bool is_private, const std::optional<uint32_t>& expected) {
  if (static_cast<int32_t>(wake) < 0 || static_cast<int32_t>(requeue) < 0) return Errno(EINVAL);
  FutexKey from = TRY(FutexTable::MakeKey(task.memory(), address, is_private));
  FutexKey to = TRY(FutexTable::MakeKey(task.memory(), second, is_private));
  std::optional<FutexTable::Compare> compare;
  if (expected) compare.emplace(FutexTable::Compare{{task.memory().address_space(), address}, *expected});
  FutexTable::Requeued done =
      TRY(task.kernel().futexes().Requeue(from, to, static_cast<int>(wake), static_cast<int>(requeue), compare));
  return int64_t{done.woken} + done.moved;
}

}  // namespace

base::SysResult<int64_t> SysFutex(Task& task, GuestAddr address, uint32_t operation, uint32_t value, GuestAddr timeout,
                                  GuestAddr second, uint32_t value3) {
  const uint32_t command = operation & abi::kFutexCommandMask;
  const bool is_private = (operation & abi::kFutexPrivateFlag) != 0;
  const bool realtime = (operation & abi::kFutexClockRealtime) != 0;
  const auto value2 = static_cast<uint32_t>(timeout.value());
  const bool timed = TakesTimeout(command) && !timeout.is_null();
  int64_t time_ns = 0;
  if (timed) time_ns = TRY(sentry::ReadTimespec(task.user_memory(), sentry::UserIn<abi::Timespec>(timeout)));
  if (realtime && command != abi::kFutexWaitBitset && command != abi::kFutexWaitRequeuePi &&
      command != abi::kFutexLockPi2)
    return Errno(ENOSYS);

  FutexTable& table = task.kernel().futexes();
  switch (command) {
    case abi::kFutexWait:
    case abi::kFutexWaitBitset: {
      const uint32_t bitset = command == abi::kFutexWait ? abi::kFutexBitsetMatchAny : value3;
      if (bitset == 0) return Errno(EINVAL);
      return RunWait(task, {.address = address,
                            .expected = value,
                            .bitset = bitset,
                            .is_private = is_private,
                            .timed = timed,
                            .deadline_ns = timed ? DeadlineOf(task, time_ns, command, realtime) : base::kForever});
    }
    case abi::kFutexWake:
    case abi::kFutexWakeBitset: {
      const uint32_t bitset = command == abi::kFutexWake ? abi::kFutexBitsetMatchAny : value3;
      if (bitset == 0) return Errno(EINVAL);
      FutexKey key = TRY(FutexTable::MakeKey(task.memory(), address, is_private));
      return table.Wake(key, AtLeastOne(value), bitset);
    }
    case abi::kFutexRequeue:
      return TRY(Requeue(task, address, second, value, value2, is_private, std::nullopt));
    case abi::kFutexCmpRequeue:
      return TRY(Requeue(task, address, second, value, value2, is_private, value3));
    case abi::kFutexWakeOp: {
      FutexKey first_key = TRY(FutexTable::MakeKey(task.memory(), address, is_private));
      FutexKey second_key = TRY(FutexTable::MakeKey(task.memory(), second, is_private));
      FutexWord word{task.memory().address_space(), second};
      return TRY(table.WakeOp(first_key, second_key, word, AtLeastOne(value), AtLeastOne(value2), value3));
    }
    default:
      return Errno(ENOSYS);
  }
}

}  // namespace syscalls
