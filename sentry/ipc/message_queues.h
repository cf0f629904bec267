// SPDX-License-Identifier: Apache-2.0
// System V message queues (msgget(2), msgop(2), msgctl(2)).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "sentry/ipc/ipc_object.h"
#include "vfs/context.h"

namespace sentry {

// Thread-safe. Its lock is a leaf. Nothing here sleeps: who has to wait waits on the queue's wait queue and tries
// again.
class MessageQueues {
 public:
  struct Message {
    int64_t type = 0;
    std::vector<std::byte> text;
  };
  class Queue : public IpcObject {
   public:
    // Notified with POLLIN when a message comes, with POLLOUT when one goes, with both when the queue is removed.
    base::WaitQueue wait_queue;

   private:
    friend class MessageQueues;
    // The message msgrcv would take; messages.end(): none.
    std::list<Message>::iterator Choose(int64_t type, int32_t flags);

    // Guarded by MessageQueues::mutex_.
    std::list<Message> messages;
    uint64_t bytes = 0;
    uint64_t max_bytes = base::abi::kMsgQueue;
    int64_t send_time = 0, receive_time = 0, change_time = 0;
    int32_t last_send_pid = 0, last_receive_pid = 0;
  };

  MessageQueues();
  ~MessageQueues();

  // msgget(2). EACCES, EEXIST, ENOENT, ENOSPC.
  base::Result<int32_t> Get(vfs::Context& context, int32_t key, int32_t flags);

  // A queue for sending, or for receiving. EACCES, EINVAL.
  base::Result<base::RefPtr<Queue>> Begin(vfs::Context& context, int32_t id, bool sends);
  // msgsnd(2): takes the message. EAGAIN: no room; EIDRM.
  base::Result<void> TrySend(vfs::Context& context, Queue& queue, Message& message);
  // msgrcv(2). E2BIG, EIDRM, ENOMSG: there is none (now).
  base::Result<Message> TryReceive(vfs::Context& context, Queue& queue, int64_t type, uint64_t max_size, int32_t flags);

  // msgctl(2). EACCES, EINVAL, EPERM.
  base::Result<base::abi::MsqidDs> Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                          int32_t* id) const;
  base::Result<void> Set(vfs::Context& context, int32_t id, const base::abi::IpcPermission& permission,
                         uint64_t max_bytes);
  base::Result<void> Remove(vfs::Context& context, int32_t id);
  // MSG_INFO: the highest index in use.
  int32_t Info(int32_t* queues, int32_t* messages, int32_t* bytes) const;
  // The table of /proc/sysvipc/msg, without its head.
  std::string Table() const;

 private:
  Queue* FindLocked(int32_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  IpcIds ids_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sentry
