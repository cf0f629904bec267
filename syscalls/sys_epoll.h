// SPDX-License-Identifier: Apache-2.0
// epoll_create(2), epoll_ctl(2), epoll_wait(2) and their relatives.
#pragma once

#include <cstdint>

#include "base/abi/time.h"
#include "base/result.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using sentry::UserIn;
using sentry::UserOut;

// struct epoll_event, which x86-64 packs.
struct [[gnu::packed]] RawEpollEvent {
  uint32_t events;
  uint64_t data;
};
static_assert(sizeof(RawEpollEvent) == 12);

base::Result<base::Fd> SysEpollCreate(Task& task, int32_t size);
base::Result<base::Fd> SysEpollCreate1(Task& task, int32_t flags);
base::Result<void> SysEpollCtl(Task& task, base::Fd epoll, int32_t operation, base::Fd fd, UserIn<RawEpollEvent> event);
base::SysResult<uint64_t> SysEpollWait(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                       int32_t timeout_ms);
base::SysResult<uint64_t> SysEpollPwait(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                        int32_t timeout_ms, UserIn<uint64_t> mask, uint64_t mask_size);
base::SysResult<uint64_t> SysEpollPwait2(Task& task, base::Fd epoll, UserOut<RawEpollEvent> events, int32_t most,
                                         UserIn<base::abi::Timespec> timeout, UserIn<uint64_t> mask,
                                         uint64_t mask_size);

}  // namespace syscalls
