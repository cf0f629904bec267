// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_socket_message.h"

#include <sys/socket.h>

#include <algorithm>

#include "sentry/mm/guest_io_sequence.h"
#include "sentry/mm/memory_manager.h"
#include "syscalls/socket_control.h"
#include "syscalls/socket_io.h"

namespace syscalls {
namespace {

using base::abi::Mmsghdr;
using base::abi::Msghdr;
using sentry::GuestIoSequence;
using sentry::IncomingMessage;
using sentry::OutgoingMessage;
using sentry::SocketAddress;
using sentry::SocketDescription;

// Only for 32-bit guests, by the kernel itself.
constexpr int kCompatible = static_cast<int>(0x80000000);

base::Result<GuestIoSequence> Buffer(Task& task, base::GuestAddr buffer, uint64_t length) {
  return GuestIoSequence::Create(task.memory().memory(), {buffer, std::min(length, base::abi::kMaxTransfer)});
}

base::Result<GuestIoSequence> Buffers(Task& task, const Msghdr& header) {
  if (header.vector_length > base::abi::kMaxIovecs) return base::Errno(EMSGSIZE);
  return GuestIoSequence::Create(
      task.memory().memory(), sentry::UserIn<base::abi::Iovec>(base::GuestAddr(header.vector)), header.vector_length);
}

base::SysResult<uint64_t> SendOne(Task& task, SocketDescription& file, const Msghdr& header, int flags) {
  if (header.name != 0 && header.name_length < 0) return base::Errno(EINVAL);
  int32_t name_length = header.name == 0 ? 0 : header.name_length;
  name_length = std::min(name_length, static_cast<int32_t>(base::abi::kMaxSocketAddress));
  SocketAddress to = TRY(ReadAddress(task, base::GuestAddr(header.name), name_length));
  GuestIoSequence data = TRY(Buffers(task, header));
  OutgoingMessage message{.data = data,
                          .flags = flags,
                          .to = std::move(to),
                          .control = TRY(ReadControl(task, header, file.socket().kind().family))};
  return Send(task, file, message);
}

// Fills in what `header` says about the message: lengths of the name and control data, flags.
base::SysResult<uint64_t> ReceiveOne(Task& task, SocketDescription& file, Msghdr& header, int flags) {
  if (header.name != 0 && header.name_length < 0) return base::Errno(EINVAL);
  GuestIoSequence data = TRY(Buffers(task, header));
  IncomingMessage message{.data = data, .flags = flags};
  uint64_t received = TRY(Receive(task, file, message));
  header.flags = static_cast<uint32_t>(message.received_flags | (flags & MSG_CMSG_CLOEXEC));
  if (header.name != 0) {
    const std::string& name = message.from.bytes();
    size_t count = std::min(name.size(), static_cast<size_t>(header.name_length));
    TRY(task.user_memory().CopyOut(base::GuestAddr(header.name), std::as_bytes(std::span(name).first(count))));
    header.name_length = static_cast<int32_t>(name.size());
  }
  TRY(WriteControl(task, std::move(message.control), (flags & MSG_CMSG_CLOEXEC) != 0, header));
  return received;
}

// Only what recvmsg(2) answers is written, as on Linux.
base::Result<void> WriteAnswer(Task& task, base::GuestAddr to, const Msghdr& header) {
  auto put = [&](size_t offset, auto value) {
    return task.user_memory().CopyOut(to + offset, std::as_bytes(std::span(&value, 1)));
  };
  if (header.name != 0) TRY(put(offsetof(Msghdr, name_length), header.name_length));
  TRY(put(offsetof(Msghdr, flags), header.flags));
  return put(offsetof(Msghdr, control_length), header.control_length);
}

}  // namespace

base::SysResult<uint64_t> SysSendto(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t length, int32_t flags,
                                    base::GuestAddr address, int32_t address_length) {
  GuestIoSequence data = TRY(Buffer(task, buffer, length));
  SocketFile file = TRY(GetSocket(task, fd));
  OutgoingMessage message{.data = data, .flags = flags};
  if (!address.is_null()) message.to = TRY(ReadAddress(task, address, address_length));
  return Send(task, *file, message);
}

base::SysResult<uint64_t> SysRecvfrom(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t length, int32_t flags,
                                      base::GuestAddr address, sentry::UserInOut<int32_t> address_length) {
  GuestIoSequence data = TRY(Buffer(task, buffer, length));
  SocketFile file = TRY(GetSocket(task, fd));
  IncomingMessage message{.data = data, .flags = flags};
  uint64_t received = TRY(Receive(task, *file, message));
  if (!address.is_null()) TRY(WriteAddress(task, message.from, address, address_length));
  return received;
}

base::SysResult<uint64_t> SysSendmsg(Task& task, base::Fd fd, UserMsghdr message, int32_t flags) {
  if ((flags & kCompatible) != 0) return base::Errno(EINVAL);
  SocketFile file = TRY(GetSocket(task, fd));
  return SendOne(task, *file, TRY(message.Read(task.user_memory())), flags);
}

base::SysResult<uint64_t> SysRecvmsg(Task& task, base::Fd fd, UserMsghdr message, int32_t flags) {
  if ((flags & kCompatible) != 0) return base::Errno(EINVAL);
  SocketFile file = TRY(GetSocket(task, fd));
  Msghdr header = TRY(message.Read(task.user_memory()));
  uint64_t received = TRY(ReceiveOne(task, *file, header, flags));
  TRY(WriteAnswer(task, message.address(), header));
  return received;
}

base::SysResult<uint64_t> SysSendmmsg(Task& task, base::Fd fd, UserMmsghdr messages, uint32_t count, int32_t flags) {
  if ((flags & kCompatible) != 0) return base::Errno(EINVAL);
  SocketFile file = TRY(GetSocket(task, fd));
  count = std::min(count, base::abi::kMaxIovecs);
  for (uint32_t done = 0; done < count; ++done) {
    base::GuestAddr at = messages.address() + done * sizeof(Mmsghdr);
    base::SysResult<uint64_t> sent = [&]() -> base::SysResult<uint64_t> {
      return SendOne(task, *file, TRY(UserMsghdr(at).Read(task.user_memory())), flags);
    }();
    if (sent.ok()) {
      uint32_t length = static_cast<uint32_t>(*sent);
      base::Result<void> told =
          sentry::UserOut<uint32_t>(at + offsetof(Mmsghdr, length)).Write(task.user_memory(), length);
      if (!told.ok()) sent = told.error();
    }
    if (!sent.ok() && done > 0) return uint64_t{done};
    if (!sent.ok()) return sent.error();
  }
  return uint64_t{count};
}

base::SysResult<uint64_t> SysRecvmmsg(Task& task, base::Fd fd, UserMmsghdr messages, uint32_t count, int32_t flags,
                                      sentry::UserInOut<base::abi::Timespec> timeout) {
  if ((flags & kCompatible) != 0) return base::Errno(EINVAL);
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) {
    deadline = SocketDeadline(
        TRY(sentry::ReadTimespec(task.user_memory(), sentry::UserIn<base::abi::Timespec>(timeout.address()))));
  }
  SocketFile file = TRY(GetSocket(task, fd));
  uint32_t done = 0;
  base::SysResult<uint64_t> outcome = uint64_t{0};
  while (done < count) {
    base::GuestAddr at = messages.address() + done * sizeof(Mmsghdr);
    outcome = [&]() -> base::SysResult<uint64_t> {
      Msghdr header = TRY(UserMsghdr(at).Read(task.user_memory()));
      uint64_t received = TRY(ReceiveOne(task, *file, header, flags & ~MSG_WAITFORONE));
      TRY(WriteAnswer(task, at, header));
      TRY(sentry::UserOut<uint32_t>(at + offsetof(Mmsghdr, length))
              .Write(task.user_memory(), static_cast<uint32_t>(received)));
      return received;
    }();
    if (!outcome.ok()) break;
    ++done;
    if ((flags & MSG_WAITFORONE) != 0) flags |= MSG_DONTWAIT;
    // Looked at between messages only (recvmmsg(2), "BUGS").
    if (base::MonotonicNow() >= deadline) break;
  }
  if (deadline != base::kForever && (outcome.ok() || done > 0)) {
    int64_t left = std::max<int64_t>(0, deadline - base::MonotonicNow());
    TRY(timeout.Write(task.user_memory(), {left / 1'000'000'000, left % 1'000'000'000}));
  }
  if (done == 0 && !outcome.ok()) return outcome.error();
  return uint64_t{done};
}

}  // namespace syscalls
