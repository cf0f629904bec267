// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_epoll.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <climits>
#include <vector>

#include "base/clock.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/epoll/epoll.h"

namespace syscalls {
namespace {

constexpr int kCapBlockSuspend = 36;
constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr size_t kAskAbove = 1024;  // Above so many wanted events it is asked how many there can be.
constexpr int32_t kMaxEvents = INT_MAX / static_cast<int32_t>(sizeof(RawEpollEvent));

int64_t DeadlineAfter(int64_t duration_ns) {
  int64_t now = base::MonotonicNow();
  return duration_ns > base::kForever - now ? base::kForever : now + duration_ns;
}

// EBADF; EINVAL when it is no epoll instance.
base::Result<base::RefPtr<vfs::Epoll>> GetEpoll(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  if (file->kind() != vfs::FileKind::kEpoll) return base::Errno(EINVAL);
  return base::RefPtr<vfs::Epoll>(static_cast<vfs::Epoll*>(file.get()));
}

base::SysResult<uint64_t> Wait(Task& task, base::Fd fd, UserOut<RawEpollEvent> to, int32_t most, int64_t deadline_ns) {
  if (most <= 0 || most > kMaxEvents) return base::Errno(EINVAL);
  TRY(task.memory().memory().Clip(to.address(), static_cast<uint64_t>(most) * sizeof(RawEpollEvent)));
  base::RefPtr<vfs::Epoll> epoll = TRY(GetEpoll(task, fd));
  std::vector<vfs::EpollEvent> events;
  base::SysResult<size_t> found =
      task.BlockingOp(*epoll, POLLIN, deadline_ns == 0, deadline_ns, [&]() -> base::Result<size_t> {
        // Room for all that can come, and not for any number the caller makes up.
        auto room = static_cast<size_t>(most);
        if (room > kAskAbove) room = std::clamp<size_t>(epoll->size(), 1, room);
        events.resize(room);
        size_t count = epoll->TryWait(events);
        if (count == 0) return base::Errno(EAGAIN);
        return count;
      });
  // Never restarted, whatever the handler's SA_RESTART says (signal(7)).
  if (!found.ok() && found.error().is_restart()) return base::Errno(EINTR);
  if (!found.ok()) return uint64_t{0};
  std::vector<RawEpollEvent> raw(*found);
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = {events[i].events, events[i].data};
  TRY(to.WriteArray(task.user_memory(), raw));
  return uint64_t{raw.size()};
}

base::SysResult<uint64_t> WaitWithMask(Task& task, base::Fd fd, UserOut<RawEpollEvent> to, int32_t most,
                                       int64_t deadline_ns, UserIn<uint64_t> mask, uint64_t mask_size) {
  if (!mask.is_null()) {
    if (mask_size != base::abi::kSignalSetSize) return base::Errno(EINVAL);
    task.SetTemporaryMask(TRY(mask.Read(task.user_memory())));
  }
  base::SysResult<uint64_t> result = Wait(task, fd, to, most, deadline_ns);
  // An interrupted call leaves the mask to the handler's frame.
  bool interrupted = !result.ok() && result.error().error().code() == EINTR;
  if (task.has_temporary_mask() && !interrupted) task.RestoreTemporaryMask();
  return result;
}

// 0: at once.
int64_t Deadline(int32_t timeout_ms) {
  if (timeout_ms < 0) return base::kForever;
  return timeout_ms == 0 ? 0 : DeadlineAfter(timeout_ms * kNanosecondsPerMillisecond);
}

}  // namespace

base::Result<base::Fd> SysEpollCreate(Task& task, int32_t size) {
  if (size <= 0) return base::Errno(EINVAL);
  return SysEpollCreate1(task, 0);
}

base::Result<base::Fd> SysEpollCreate1(Task& task, int32_t flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return base::Errno(EINVAL);
  return task.InstallFd(vfs::Epoll::Create(task), (flags & EPOLL_CLOEXEC) != 0);
}

base::Result<void> SysEpollCtl(Task& task, base::Fd epoll_fd, int32_t operation, base::Fd fd,
                               UserIn<RawEpollEvent> from) {
  RawEpollEvent raw{};
  if (operation != EPOLL_CTL_DEL) raw = TRY(from.Read(task.user_memory()));
  base::RefPtr<vfs::FileDescription> instance = TRY(task.GetFile(epoll_fd));
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (instance->is_path_only() || file->is_path_only()) return base::Errno(EBADF);
  if (!file->SupportsPoll()) return base::Errno(EPERM);
  if (instance->kind() != vfs::FileKind::kEpoll) return base::Errno(EINVAL);
  auto& epoll = static_cast<vfs::Epoll&>(*instance);
  vfs::EpollEvent event{raw.events, raw.data};
  if (!task.credentials().HasCapability(kCapBlockSuspend)) event.events &= ~uint32_t{EPOLLWAKEUP};
  switch (operation) {
    case EPOLL_CTL_ADD:
      return epoll.Add(std::move(file), fd.value(), event);
    case EPOLL_CTL_MOD:
      return epoll.Modify(*file, fd.value(), event);
    case EPOLL_CTL_DEL:
      return epoll.Remove(*file, fd.value());
    default:
      return base::Errno(EINVAL);
  }
}

base::SysResult<uint64_t> SysEpollWait(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                       int32_t timeout_ms) {
  return Wait(task, epoll, events, most, Deadline(timeout_ms));
}

base::SysResult<uint64_t> SysEpollPwait(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                        int32_t timeout_ms, UserIn<uint64_t> mask, uint64_t mask_size) {
  return WaitWithMask(task, epoll, events, most, Deadline(timeout_ms), mask, mask_size);
}

base::SysResult<uint64_t> SysEpollPwait2(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                         UserIn<base::abi::Timespec> timeout, UserIn<uint64_t> mask,
                                         uint64_t mask_size) {
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) {
    int64_t duration = TRY(sentry::ReadTimespec(task.user_memory(), timeout));
    deadline = duration == 0 ? 0 : DeadlineAfter(duration);
  }
  return WaitWithMask(task, epoll, events, most, deadline, mask, mask_size);
}

}  // namespace syscalls
