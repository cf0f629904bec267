// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "platform/guest_copy.h"
#include "platform/ptrace/donate.h"
#include "platform/ptrace/filter.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

// A message with one byte and one descriptor, as it lies at SCRATCH_MESSAGE of the zygote.
struct Message {
  msghdr header;
  iovec vector;
  alignas(8) char control[CMSG_SPACE(sizeof(int))];
  char byte;
};

// The fiber that donates. Sending, receiving and reading the number belong to one command, so that donations cannot be
// taken for each other.
struct Donation {
  Shard& shard;
  int fd;
  Executor& executor;
  Executor::Fiber* fiber;
  Request request;
  Command command;
  int64_t result = 0;  // The number in the stubs, or -errno.
};

long Send(int socket, int fd) {
  Message message{};
  message.vector = {&message.byte, 1};
  message.header.msg_iov = &message.vector;
  message.header.msg_iovlen = 1;
  message.header.msg_control = message.control;
  message.header.msg_controllen = sizeof(message.control);
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(control), &fd, sizeof(fd));
  return RawSyscall(SYS_sendmsg, socket, &message.header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Addresses in the zygote.
bool PrepareMessage(int pid) {
  auto at = [](size_t offset) { return reinterpret_cast<void*>(SCRATCH_MESSAGE + offset); };
  Message message{};
  message.vector = {at(offsetof(Message, byte)), 1};
  message.header.msg_iov = static_cast<iovec*>(at(offsetof(Message, vector)));
  message.header.msg_iovlen = 1;
  message.header.msg_control = at(offsetof(Message, control));
  message.header.msg_controllen = sizeof(message.control);
  return WriteGuest(pid, base::GuestAddr(SCRATCH_MESSAGE), std::as_bytes(std::span(&message, 1))).ok();
}

// The number the zygote received.
int64_t ReceivedNumber(int pid) {
  Message message{};
  auto got = ReadGuest(pid, base::GuestAddr(SCRATCH_MESSAGE), std::as_writable_bytes(std::span(&message, 1)));
  if (!got.ok() || got.value() != sizeof(message)) return -EAGAIN;
  cmsghdr control;
  memcpy(&control, message.control, sizeof(control));
  // Without room in its table the host drops the descriptor.
  if (message.header.msg_controllen < sizeof(control) || control.cmsg_len != CMSG_LEN(sizeof(int)) ||
      control.cmsg_level != SOL_SOCKET || control.cmsg_type != SCM_RIGHTS) {
    return -EMFILE;
  }
  int number = 0;
  memcpy(&number, message.control + CMSG_LEN(0), sizeof(number));
  return number;
}

void Finish(Command& command) {
  auto* donation = static_cast<Donation*>(command.context);
  donation->result = command.result;
  if (command.result >= 0) {
    HostPid::Use use(donation->shard.zygote().pid());
    donation->result = ReceivedNumber(use.pid());
  }
  donation->executor.Wake(donation->fiber);
}

// Just before the zygote receives. Should nothing have been sent, it receives -EAGAIN.
void Start(Command& command) {
  auto* donation = static_cast<Donation*>(command.context);
  HostPid::Use use(donation->shard.zygote().pid());
  if (PrepareMessage(use.pid())) Send(donation->shard.socket(), donation->fd);
}

}  // namespace

base::Result<base::RefPtr<DonatedFile>> Donated::Create(Shard& shard, base::UniqueFd fd, bool writable) {
  TRY(CheckDonation(fd, writable));
  Executor& executor = *shard.machine().executor;
  Donation donation{shard, fd.get(), executor, executor.Current(), {}, {}};
  donation.request.perform = [](Request& request) {
    auto* self = static_cast<Donation*>(request.context);
    self->shard.zygote().Begin(self->command);
  };
  donation.request.context = &donation;
  donation.command.Add(HostCall{SYS_recvmsg, {kSocketDescriptor, SCRATCH_MESSAGE, MSG_CMSG_CLOEXEC | MSG_DONTWAIT}});
  donation.command.start = Start;
  donation.command.finish = Finish;
  donation.command.context = &donation;
  executor.Park(
      [](void* argument) {
        auto* self = static_cast<Donation*>(argument);
        self->shard.tracer().Post(self->request);
      },
      &donation);
  if (donation.result < 0) return base::Errno(donation.result == -EMFILE ? EMFILE : EAGAIN);
  return base::RefPtr<DonatedFile>(base::AdoptRef(new Donated(shard, static_cast<int>(donation.result), writable)));
}

namespace {

// A number on its way to be closed in the zygote.
struct Closing {
  Shard* shard;
  Request request;
  Command command;
};

}  // namespace

Donated::~Donated() {
  auto* closing = new Closing{&shard_, {}, {}};
  closing->command.Add(HostCall{SYS_close, {static_cast<uint64_t>(number())}});
  closing->command.finish = [](Command& command) { delete static_cast<Closing*>(command.context); };
  closing->command.context = closing;
  closing->request.perform = [](Request& request) {
    auto* self = static_cast<Closing*>(request.context);
    self->shard->zygote().Begin(self->command);
  };
  closing->request.context = closing;
  shard_.tracer().Post(closing->request);
}

}  // namespace platform::ptrace
