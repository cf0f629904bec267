// SPDX-License-Identifier: Apache-2.0
// What the calls on sockets share: finding the socket, addresses, and waiting.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/net/socket/socket_description.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using SocketFile = base::RefPtr<sentry::SocketDescription>;

// EBADF, ENOTSOCK.
base::Result<SocketFile> GetSocket(Task& task, base::Fd fd);
sentry::SocketCaller CallerOf(Task& task);

// An address argument: EINVAL (negative or too long), EFAULT.
base::Result<sentry::SocketAddress> ReadAddress(Task& task, base::GuestAddr from, int32_t length);
// What of it fits into the `length` bytes at `to`, and its whole length. EINVAL when negative, EFAULT.
base::Result<void> WriteAddress(Task& task, const sentry::SocketAddress& address, base::GuestAddr to,
                                sentry::UserInOut<int32_t> length);

bool IsNonblocking(const sentry::SocketDescription& file, int flags);
// CLOCK_MONOTONIC, from SO_RCVTIMEO or SO_SNDTIMEO.
int64_t SocketDeadline(int64_t timeout_ns);

// sendmsg(2) and recvmsg(2) once everything is decoded; MSG_DONTWAIT comes from O_NONBLOCK too. SIGPIPE is raised here.
base::SysResult<uint64_t> Send(Task& task, sentry::SocketDescription& file, sentry::OutgoingMessage& message);
base::SysResult<uint64_t> Receive(Task& task, sentry::SocketDescription& file, sentry::IncomingMessage& message);
// read(2) and write(2) of a file of kind kSocket.
base::SysResult<uint64_t> ReadSocket(Task& task, vfs::FileDescription& file, vfs::IoSequence& to);
base::SysResult<uint64_t> WriteSocket(Task& task, vfs::FileDescription& file, vfs::IoSequence& from);

// Tries, registers where the attempt said, tries again, blocks. `attempt` takes a WaitPoint to fill in and returns a
// Result; EAGAIN: would block. EAGAIN when `deadline_ns` has passed; interrupted: EINTR if there is a deadline, else
// Restart::kSys.
template <typename Attempt>
auto BlockOnSocket(Task& task, sentry::Socket& socket, base::EventMask mask, bool nonblocking, int64_t deadline_ns,
                   Attempt attempt)
    -> base::SysResult<typename decltype(attempt(std::declval<sentry::WaitPoint&>()))::value_type> {
  sentry::WaitPoint wait;
  auto first = attempt(wait);
  if (first.ok() || first.error().code() != EAGAIN || nonblocking) return first;
  while (true) {
    sentry::WaitPoint watched = wait;
    sentry::WakeFlag flag(task);
    sentry::FlagWaiter waiter(flag, watched.queue != nullptr ? watched.queue : &socket.wait_queue(), mask);
    while (watched.queue == wait.queue) {
      flag.Clear();
      wait = {};
      auto again = attempt(wait);
      if (again.ok() || again.error().code() != EAGAIN) return again;
      if (watched.queue != wait.queue) break;
      switch (task.Block(flag, deadline_ns)) {
        case sentry::BlockOutcome::kWoken:
          break;
        case sentry::BlockOutcome::kTimedOut:
          return base::Errno(EAGAIN);
        case sentry::BlockOutcome::kInterrupted:
          if (deadline_ns != base::kForever) return base::Errno(EINTR);
          return base::Restart::kSys;
      }
    }
  }
}

}  // namespace syscalls
