// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/message_queues.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace sentry {
namespace {

using base::Errno;
namespace abi = base::abi;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kCapSysResource = 24;
// All messages lie in the sentry's memory.
constexpr uint64_t kMaxBytes = uint64_t{64} << 20;

int64_t Now(vfs::Context& context) { return context.RealtimeNow() / kSecond; }

}  // namespace

std::list<MessageQueues::Message>::iterator MessageQueues::Queue::Choose(int64_t type, int32_t flags) {
  if ((flags & abi::kMsgCopy) != 0) {
    auto place = messages.begin();
    for (int64_t n = 0; n < type && place != messages.end(); ++n) ++place;
    return type < 0 ? messages.end() : place;
  }
  if (type == 0) return messages.begin();
  if (type < 0) {
    // INT64_MIN has no counterpart: every type is below it.
    const int64_t most = type == INT64_MIN ? INT64_MAX : -type;
    auto least = std::min_element(messages.begin(), messages.end(),
                                  [](const Message& a, const Message& b) { return a.type < b.type; });
    return least != messages.end() && least->type <= most ? least : messages.end();
  }
  const bool except = (flags & abi::kMsgExcept) != 0;
  return std::find_if(messages.begin(), messages.end(),
                      [&](const Message& message) { return (message.type == type) != except; });
}

constinit base::LockClass MessageQueues::kLock{"MessageQueues::mutex_"};

MessageQueues::MessageQueues() : mutex_(kLock), ids_(abi::kMsgQueues) {}
MessageQueues::~MessageQueues() = default;

MessageQueues::Queue* MessageQueues::FindLocked(int32_t id) const { return static_cast<Queue*>(ids_.Find(id)); }

base::Result<int32_t> MessageQueues::Get(vfs::Context& context, int32_t key, int32_t flags) {
  const int64_t now = Now(context);
  base::MutexLock lock(mutex_);
  return IpcGet(
      ids_, context.credentials(), key, flags, [](IpcObject&) -> base::Result<void> { return {}; },
      [&]() -> base::Result<base::RefPtr<IpcObject>> {
        auto queue = base::MakeRef<Queue>();
        queue->change_time = now;
        return base::RefPtr<IpcObject>(std::move(queue));
      });
}

base::Result<base::RefPtr<MessageQueues::Queue>> MessageQueues::Begin(vfs::Context& context, int32_t id, bool sends) {
  base::MutexLock lock(mutex_);
  Queue* queue = FindLocked(id);
  if (queue == nullptr) return Errno(EINVAL);
  TRY(queue->CheckAccess(context.credentials(), sends ? IpcObject::kWrite : IpcObject::kRead));
  return base::RefPtr(queue);
}

base::Result<void> MessageQueues::TrySend(vfs::Context& context, Queue& queue, Message& message) {
  const int64_t now = Now(context);
  {
    base::MutexLock lock(mutex_);
    if (queue.removed) return Errno(EIDRM);
    const uint64_t size = message.text.size();
    // Empty messages take a place, too.
    if (size + queue.bytes > queue.max_bytes || queue.messages.size() + 1 > queue.max_bytes) return Errno(EAGAIN);
    if (bytes_ + size > kMaxBytes) return Errno(ENOMEM);
    queue.messages.push_back(std::move(message));
    queue.bytes += size;
    bytes_ += size;
    queue.send_time = now;
    queue.last_send_pid = context.process_id();
  }
  queue.wait_queue.Notify(POLLIN);
  return {};
}

base::Result<MessageQueues::Message> MessageQueues::TryReceive(vfs::Context& context, Queue& queue, int64_t type,
                                                               uint64_t max_size, int32_t flags) {
  const int64_t now = Now(context);
  Message taken;
  {
    base::MutexLock lock(mutex_);
    if (queue.removed) return Errno(EIDRM);
    auto chosen = queue.Choose(type, flags);
    if (chosen == queue.messages.end()) return Errno(ENOMSG);
    if (chosen->text.size() > max_size && (flags & abi::kMsgNoError) == 0) return Errno(E2BIG);
    if ((flags & abi::kMsgCopy) != 0) return Message(*chosen);
    taken = std::move(*chosen);
    queue.messages.erase(chosen);
    queue.bytes -= taken.text.size();
    bytes_ -= taken.text.size();
    queue.receive_time = now;
    queue.last_receive_pid = context.process_id();
  }
  queue.wait_queue.Notify(POLLOUT);
  return taken;
}

base::Result<abi::MsqidDs> MessageQueues::Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                                 int32_t* id) const {
  base::MutexLock lock(mutex_);
  auto* queue = static_cast<Queue*>(by_index ? ids_.FindIndex(which) : ids_.Find(which));
  if (queue == nullptr) return Errno(EINVAL);
  if (!any) TRY(queue->CheckAccess(context.credentials(), IpcObject::kRead));
  *id = queue->id;
  abi::MsqidDs to{};
  to.permission = queue->permission();
  to.send_time = queue->send_time;
  to.receive_time = queue->receive_time;
  to.change_time = queue->change_time;
  to.bytes = queue->bytes;
  to.count = queue->messages.size();
  to.max_bytes = queue->max_bytes;
  to.last_send_pid = queue->last_send_pid;
  to.last_receive_pid = queue->last_receive_pid;
  return to;
}

base::Result<void> MessageQueues::Set(vfs::Context& context, int32_t id, const abi::IpcPermission& permission,
                                      uint64_t max_bytes) {
  base::RefPtr<Queue> changed;
  {
    base::MutexLock lock(mutex_);
    Queue* queue = FindLocked(id);
    if (queue == nullptr) return Errno(EINVAL);
    TRY(queue->CheckOwner(context.credentials()));
    if (max_bytes > abi::kMsgQueue && !context.credentials().HasCapability(kCapSysResource)) return Errno(EPERM);
    if (permission.uid == UINT32_MAX || permission.gid == UINT32_MAX) return Errno(EINVAL);
    queue->SetPermission(permission);
    queue->max_bytes = max_bytes;
    queue->change_time = Now(context);
    changed = base::RefPtr(queue);
  }
  changed->wait_queue.Notify(POLLIN | POLLOUT);
  return {};
}

base::Result<void> MessageQueues::Remove(vfs::Context& context, int32_t id) {
  base::RefPtr<IpcObject> removed;
  std::list<Message> dropped;  // After the lock.
  {
    base::MutexLock lock(mutex_);
    Queue* queue = FindLocked(id);
    if (queue == nullptr) return Errno(EINVAL);
    TRY(queue->CheckOwner(context.credentials()));
    dropped = std::move(queue->messages);
    bytes_ -= queue->bytes;
    queue->bytes = 0;
    removed = ids_.Remove(*queue);
  }
  static_cast<Queue&>(*removed).wait_queue.Notify(POLLIN | POLLOUT);
  return {};
}

int32_t MessageQueues::Info(int32_t* queues, int32_t* messages, int32_t* bytes) const {
  base::MutexLock lock(mutex_);
  *queues = static_cast<int32_t>(ids_.size());
  *messages = 0;
  ids_.ForEach(
      [&](IpcObject& object) { *messages += static_cast<int32_t>(static_cast<Queue&>(object).messages.size()); });
  *bytes = static_cast<int32_t>(bytes_);
  return ids_.highest_index();
}

std::string MessageQueues::Table() const {
  std::string text;
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& queue = static_cast<Queue&>(object);
    char line[256];
    snprintf(line, sizeof(line), "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10ld %10ld %10ld\n", queue.key,
             queue.id, queue.mode, static_cast<unsigned long>(queue.bytes),
             static_cast<unsigned long>(queue.messages.size()), queue.last_send_pid, queue.last_receive_pid,
             queue.uid.value(), queue.gid.value(), queue.creator_uid.value(), queue.creator_gid.value(),
             static_cast<long>(queue.send_time), static_cast<long>(queue.receive_time),
             static_cast<long>(queue.change_time));
    text += line;
  });
  return text;
}

}  // namespace sentry
