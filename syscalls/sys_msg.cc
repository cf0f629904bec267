// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_msg.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/clock.h"
#include "sentry/ipc/ipc_namespace.h"
#include "sentry/ipc/message_queues.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"

namespace syscalls {
namespace {

using base::Errno;
using base::GuestAddr;
using sentry::MessageQueues;
using sentry::UserIn;
using sentry::UserOut;
namespace abi = base::abi;

MessageQueues& Queues(Task& task) { return sentry::IpcNamespace::Of(task.kernel()).message_queues(); }

// Waits until `attempt` gives something else than `again`. EINTR: a signal came (these calls are never restarted,
// signal(7)).
template <typename Attempt>
auto Retry(Task& task, MessageQueues::Queue& queue, base::EventMask mask, int again, bool nonblocking, Attempt attempt)
    -> decltype(attempt()) {
  while (true) {
    sentry::WakeFlag flag(task);
    sentry::FlagWaiter waiter(flag, &queue.wait_queue, mask);
    auto result = attempt();
    if (result.ok() || result.error().code() != again || nonblocking) return result;
    if (task.Block(flag, base::kForever) == sentry::BlockOutcome::kInterrupted) return Errno(EINTR);
  }
}

base::Result<int32_t> Info(Task& task, bool used, GuestAddr to) {
  abi::MsgLimits limits{.pool = static_cast<int32_t>(abi::kMsgQueues * abi::kMsgQueue / 1024),
                        .map = static_cast<int32_t>(abi::kMsgQueue),
                        .max = static_cast<int32_t>(abi::kMsgMax),
                        .max_bytes = static_cast<int32_t>(abi::kMsgQueue),
                        .queues = abi::kMsgQueues,
                        .segment_size = 16,
                        .headers = static_cast<int32_t>(abi::kMsgQueue),
                        .segments = 0xffff,
                        .padding = 0};
  int32_t queues = 0;
  int32_t messages = 0;
  int32_t bytes = 0;
  int32_t highest = Queues(task).Info(&queues, &messages, &bytes);
  if (used) {
    limits.pool = queues;
    limits.map = messages;
    limits.headers = bytes;
  }
  TRY(UserOut<abi::MsgLimits>(to).Write(task.user_memory(), limits));
  return highest;
}

}  // namespace

base::Result<int32_t> SysMsgget(Task& task, int32_t key, int32_t flags) { return Queues(task).Get(task, key, flags); }

base::Result<void> SysMsgsnd(Task& task, int32_t id, GuestAddr from, int64_t size, int32_t flags) {
  MessageQueues::Message message;
  message.type = TRY(UserIn<int64_t>(from).Read(task.user_memory()));
  if (size < 0 || static_cast<uint64_t>(size) > abi::kMsgMax || id < 0 || message.type < 1) return Errno(EINVAL);
  message.text.resize(static_cast<size_t>(size));
  TRY(task.user_memory().CopyIn(from + sizeof(int64_t), message.text));
  base::RefPtr<MessageQueues::Queue> queue = TRY(Queues(task).Begin(task, id, true));
  return Retry(task, *queue, POLLOUT, EAGAIN, (flags & abi::kIpcNoWait) != 0,
               [&] { return Queues(task).TrySend(task, *queue, message); });
}

base::Result<int64_t> SysMsgrcv(Task& task, int32_t id, GuestAddr to, int64_t size, int64_t type, int32_t flags) {
  if (id < 0 || size < 0) return Errno(EINVAL);
  if ((flags & abi::kMsgCopy) != 0) {
    if ((flags & abi::kMsgExcept) != 0 || (flags & abi::kIpcNoWait) == 0) return Errno(EINVAL);
  }
  base::RefPtr<MessageQueues::Queue> queue = TRY(Queues(task).Begin(task, id, false));
  const auto room = static_cast<uint64_t>(size);
  MessageQueues::Message message = TRY(Retry(task, *queue, POLLIN, ENOMSG, (flags & abi::kIpcNoWait) != 0,
                                             [&] { return Queues(task).TryReceive(task, *queue, type, room, flags); }));
  TRY(UserOut<int64_t>(to).Write(task.user_memory(), message.type));
  const size_t copied = std::min<uint64_t>(room, message.text.size());
  TRY(task.user_memory().CopyOut(to + sizeof(int64_t), std::span(message.text).first(copied)));
  return static_cast<int64_t>(copied);
}

base::Result<int32_t> SysMsgctl(Task& task, int32_t id, int32_t command, GuestAddr argument) {
  if (id < 0 || command < 0) return Errno(EINVAL);
  MessageQueues& queues = Queues(task);
  vfs::UserMemory& memory = task.user_memory();
  switch (const int32_t kind = command & ~abi::kIpc64) {
    case abi::kIpcInfo:
    case abi::kMsgInfo:
      return Info(task, kind == abi::kMsgInfo, argument);
    case abi::kIpcStat:
    case abi::kMsgStat:
    case abi::kMsgStatAny: {
      int32_t found = 0;
      auto status = TRY(queues.Status(task, id, kind != abi::kIpcStat, kind == abi::kMsgStatAny, &found));
      TRY(UserOut<abi::MsqidDs>(argument).Write(memory, status));
      return kind == abi::kIpcStat ? 0 : found;
    }
    case abi::kIpcSet: {
      auto wanted = TRY(UserIn<abi::MsqidDs>(argument).Read(memory));
      TRY(queues.Set(task, id, wanted.permission, wanted.max_bytes));
      return 0;
    }
    case abi::kIpcRemove:
      TRY(queues.Remove(task, id));
      return 0;
    default:
      return Errno(EINVAL);
  }
}

}  // namespace syscalls
