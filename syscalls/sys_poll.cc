// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_poll.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <list>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/thread_group.h"
#include "vfs/file_description.h"

namespace syscalls {
namespace {

using File = base::RefPtr<vfs::FileDescription>;

// One descriptor that is waited for.
struct Entry {
  File file;
  base::EventMask wanted = 0;
  base::EventMask ready = 0;
};

struct PollFd {
  int32_t fd = 0;
  int16_t events = 0;
  int16_t revents = 0;
};
static_assert(sizeof(PollFd) == 8);

// select(2) looks at this many descriptors at most in one set of words.
constexpr int kBitsPerWord = 64;
constexpr base::EventMask kSelectRead = EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR;
constexpr base::EventMask kSelectWrite = EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR;
constexpr base::EventMask kSelectExcept = EPOLLPRI;

int64_t DeadlineAfter(int64_t duration_ns) {
  int64_t now = base::MonotonicNow();
  return duration_ns > base::kForever - now ? base::kForever : now + duration_ns;
}

// Fills `ready` and returns how many entries have something.
size_t Look(std::vector<Entry>& entries) {
  size_t count = 0;
  for (Entry& entry : entries) {
    if (!entry.file) continue;
    entry.ready = entry.file->Readiness() & (entry.wanted | POLLERR | POLLHUP);
    if (entry.ready != 0) ++count;
  }
  return count;
}

// Waits until an entry has something or the deadline passes.
base::SysResult<void> WaitFor(Task& task, std::vector<Entry>& entries, int64_t deadline_ns) {
  if (Look(entries) != 0) return {};
  sentry::WakeFlag flag(task);
  std::list<sentry::FlagWaiter> waiters;
  for (Entry& entry : entries) {
    if (entry.file) waiters.emplace_back(flag, entry.file->wait_queue(), entry.wanted | POLLERR | POLLHUP);
  }
  while (true) {
    flag.Clear();
    if (Look(entries) != 0) return {};
    switch (task.Block(flag, deadline_ns)) {
      case sentry::BlockOutcome::kWoken:
        break;
      case sentry::BlockOutcome::kTimedOut:
        Look(entries);
        return {};
      case sentry::BlockOutcome::kInterrupted:
        return base::Restart::kNoHand;
    }
  }
}

base::SysResult<uint64_t> Poll(Task& task, base::GuestAddr address, uint32_t count, int64_t deadline_ns) {
  if (count > task.group().limits().Soft(RLIMIT_NOFILE)) return base::Errno(EINVAL);
  std::vector<PollFd> fds(count);
  TRY(task.user_memory().CopyIn(address, std::as_writable_bytes(std::span(fds))));
  std::vector<Entry> entries(count);
  uint64_t invalid = 0;
  for (uint32_t i = 0; i < count; ++i) {
    fds[i].revents = 0;
    if (fds[i].fd < 0) continue;
    auto file = task.GetFile(base::Fd(fds[i].fd));
    if (!file.ok() || (*file)->is_path_only()) {
      fds[i].revents = POLLNVAL;
      ++invalid;
      continue;
    }
    entries[i] = {std::move(*file), static_cast<uint16_t>(fds[i].events), 0};
  }
  if (invalid == 0) {
    TRY(WaitFor(task, entries, deadline_ns));
  } else {
    Look(entries);
  }
  uint64_t ready = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (entries[i].file) fds[i].revents = static_cast<int16_t>(entries[i].ready);
    if (fds[i].revents != 0) ++ready;
    // Only this field is written, as on Linux.
    TRY(task.user_memory().CopyOut(address + i * sizeof(PollFd) + offsetof(PollFd, revents),
                                   std::as_bytes(std::span(&fds[i].revents, 1))));
  }
  return ready;
}

using Words = std::vector<uint64_t>;

base::Result<Words> ReadSet(Task& task, base::GuestAddr address, size_t words) {
  Words set(words);
  if (!address.is_null()) TRY(task.user_memory().CopyIn(address, std::as_writable_bytes(std::span(set))));
  return set;
}

bool Bit(const Words& set, int fd) { return (set[fd / kBitsPerWord] >> (fd % kBitsPerWord) & 1) != 0; }
void SetBit(Words& set, int fd) { set[fd / kBitsPerWord] |= uint64_t{1} << (fd % kBitsPerWord); }

base::SysResult<uint64_t> Select(Task& task, int count, base::GuestAddr read_set, base::GuestAddr write_set,
                                 base::GuestAddr except_set, int64_t deadline_ns) {
  if (count < 0) return base::Errno(EINVAL);
  count = std::min(count, sentry::FdTable::kMaxDescriptors);
  size_t words = (static_cast<size_t>(count) + kBitsPerWord - 1) / kBitsPerWord;
  Words read = TRY(ReadSet(task, read_set, words));
  Words write = TRY(ReadSet(task, write_set, words));
  Words except = TRY(ReadSet(task, except_set, words));
  std::vector<Entry> entries;
  std::vector<int> numbers;
  for (int fd = 0; fd < count; ++fd) {
    base::EventMask wanted =
        (Bit(read, fd) ? kSelectRead : 0) | (Bit(write, fd) ? kSelectWrite : 0) | (Bit(except, fd) ? kSelectExcept : 0);
    if (wanted == 0) continue;
    entries.push_back({TRY(task.GetFile(base::Fd(fd))), wanted, 0});
    numbers.push_back(fd);
  }
  TRY(WaitFor(task, entries, deadline_ns));
  Words read_ready(words), write_ready(words), except_ready(words);
  uint64_t total = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    auto settle = [&](const Words& asked, Words& ready, base::EventMask events) {
      if (!Bit(asked, numbers[i]) || (entries[i].ready & events) == 0) return;
      SetBit(ready, numbers[i]);
      ++total;
    };
    settle(read, read_ready, kSelectRead);
    settle(write, write_ready, kSelectWrite);
    settle(except, except_ready, kSelectExcept);
  }
  auto put = [&](base::GuestAddr address, const Words& set) -> base::Result<void> {
    if (address.is_null()) return {};
    return task.user_memory().CopyOut(address, std::as_bytes(std::span(set)));
  };
  TRY(put(read_set, read_ready));
  TRY(put(write_set, write_ready));
  TRY(put(except_set, except_ready));
  return total;
}

// Linux tells what was left of the timeout (select(2), "C library/kernel differences"); a failed write is ignored.
template <typename T>
void TellRest(Task& task, base::GuestAddr address, int64_t deadline_ns, int64_t unit_ns) {
  if (address.is_null() || deadline_ns == base::kForever) return;
  int64_t left = std::max<int64_t>(0, deadline_ns - base::MonotonicNow());
  T rest{left / 1'000'000'000, left % 1'000'000'000 / unit_ns};
  [[maybe_unused]] auto written = task.user_memory().CopyOut(address, std::as_bytes(std::span(&rest, 1)));
}

base::Result<void> ApplyMask(Task& task, base::GuestAddr mask, uint64_t size) {
  if (mask.is_null()) return {};
  if (size != base::abi::kSignalSetSize) return base::Errno(EINVAL);
  task.SetTemporaryMask(TRY(sentry::UserIn<uint64_t>(mask).Read(task.user_memory())));
  return {};
}

// A call that was not interrupted gives the mask back itself.
template <typename T>
base::SysResult<T> Settle(Task& task, base::SysResult<T> result) {
  if (task.has_temporary_mask() && (result.ok() || !result.error().is_restart())) task.RestoreTemporaryMask();
  return result;
}

}  // namespace

base::SysResult<uint64_t> SysPoll(Task& task, base::GuestAddr fds, uint32_t count, int32_t timeout_ms) {
  int64_t deadline = timeout_ms < 0 ? base::kForever : DeadlineAfter(int64_t{timeout_ms} * 1'000'000);
  auto result = Poll(task, fds, count, deadline);
  if (result.ok() || !result.error().is_restart()) return result;
  // The deadline holds across a stop and a continue (restart_syscall(2)).
  task.restart_block = [=](Task& again) -> base::SysResult<uint64_t> {
    auto resumed = Poll(again, fds, count, deadline);
    if (!resumed.ok() && resumed.error().is_restart()) return base::Restart::kRestartBlock;
    return resumed;
  };
  return base::Restart::kRestartBlock;
}

base::SysResult<uint64_t> SysPpoll(Task& task, base::GuestAddr fds, uint32_t count,
                                   sentry::UserIn<base::abi::Timespec> timeout, sentry::UserIn<uint64_t> mask,
                                   uint64_t mask_size) {
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) deadline = DeadlineAfter(TRY(sentry::ReadTimespec(task.user_memory(), timeout)));
  TRY(ApplyMask(task, mask.address(), mask_size));
  auto result = Settle(task, Poll(task, fds, count, deadline));
  TellRest<base::abi::Timespec>(task, timeout.address(), deadline, 1);
  return result;
}

base::SysResult<uint64_t> SysSelect(Task& task, int32_t count, base::GuestAddr read_set, base::GuestAddr write_set,
                                    base::GuestAddr except_set, sentry::UserIn<base::abi::Timeval> timeout) {
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) {
    base::abi::Timeval time = TRY(timeout.ReadUnchecked(task.user_memory()));
    // Linux takes more than a second of microseconds here.
    if (time.seconds < 0 || time.microseconds < 0) return base::Errno(EINVAL);
    constexpr int64_t kMaxSeconds = INT64_MAX / 4'000'000'000;
    deadline = DeadlineAfter(std::min(time.seconds, kMaxSeconds) * 1'000'000'000 +
                             std::min(time.microseconds, kMaxSeconds) * 1000);
  }
  auto result = Select(task, count, read_set, write_set, except_set, deadline);
  TellRest<base::abi::Timeval>(task, timeout.address(), deadline, 1000);
  return result;
}

base::SysResult<uint64_t> SysPselect6(Task& task, int32_t count, base::GuestAddr read_set, base::GuestAddr write_set,
                                      base::GuestAddr except_set, sentry::UserIn<base::abi::Timespec> timeout,
                                      sentry::UserIn<uint64_t> mask_pointer) {
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) deadline = DeadlineAfter(TRY(sentry::ReadTimespec(task.user_memory(), timeout)));
  if (!mask_pointer.is_null()) {
    uint64_t mask = TRY(mask_pointer.Read(task.user_memory(), 0));
    uint64_t size = TRY(mask_pointer.Read(task.user_memory(), 1));
    TRY(ApplyMask(task, base::GuestAddr(mask), size));
  }
  auto result = Settle(task, Select(task, count, read_set, write_set, except_set, deadline));
  TellRest<base::abi::Timespec>(task, timeout.address(), deadline, 1);
  return result;
}

}  // namespace syscalls
