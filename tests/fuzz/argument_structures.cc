// SPDX-License-Identifier: Apache-2.0
// Arguments that point to structures with pointers in them.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/fuzz/arguments.h"

namespace fuzz {
namespace {

void Handler(int) {}

}  // namespace

uint64_t Arguments::Vector() {
  if (random_.Once(16)) return BadMemory();
  constexpr size_t kCount = 12;
  auto* parts = static_cast<iovec*>(Scratch(kCount * sizeof(iovec)));
  for (size_t i = 0; i < kCount; ++i)
    parts[i] = {reinterpret_cast<void*>(Memory()), random_.Once(16) ? Size() : random_.Below(200)};
  return reinterpret_cast<uintptr_t>(parts);
}

uint64_t Arguments::SocketAddress() {
  if (random_.Once(16)) return BadMemory();
  auto* address = static_cast<sockaddr_un*>(Scratch(sizeof(sockaddr_un)));
  memset(address, 0, sizeof(*address));
  address->sun_family = static_cast<sa_family_t>(random_.Once(12) ? random_.Below(48) : AF_UNIX);
  // Few names, so that peers find each other; every other one abstract.
  snprintf(address->sun_path + random_.Below(2), 20, "s%d", static_cast<int>(random_.Below(4)));
  return reinterpret_cast<uintptr_t>(address);
}

uint64_t Arguments::MessageHeader() {
  if (random_.Once(16)) return BadMemory();
  constexpr size_t kMessages = 4;
  auto* headers = static_cast<mmsghdr*>(Scratch(kMessages * sizeof(mmsghdr)));
  for (size_t i = 0; i < kMessages; ++i) {
    msghdr& header = headers[i].msg_hdr;
    header = {};
    if (random_.Once(4))
      header.msg_name = reinterpret_cast<void*>(SocketAddress()), header.msg_namelen = sizeof(sockaddr_un);
    header.msg_iov = reinterpret_cast<iovec*>(Vector());
    header.msg_iovlen = random_.Once(24) ? Anything() : random_.Below(4);
    if (random_.Once(2)) continue;
    constexpr size_t kDescriptors = 3;
    char* control = static_cast<char*>(Scratch(CMSG_SPACE(kDescriptors * sizeof(int))));
    header.msg_control = control;
    header.msg_controllen = random_.Once(8) ? random_.Below(64) : CMSG_SPACE(kDescriptors * sizeof(int));
    cmsghdr part = {};
    part.cmsg_len = random_.Once(8) ? Anything() : CMSG_LEN(random_.Below(kDescriptors + 1) * sizeof(int));
    part.cmsg_level = SOL_SOCKET;
    part.cmsg_type = static_cast<int>(random_.Once(4) ? random_.Below(8) : uint64_t{SCM_RIGHTS});
    memcpy(control, &part, sizeof(part));
    for (size_t fd = 0; fd < kDescriptors; ++fd) {
      int number = static_cast<int>(Descriptor());
      memcpy(control + sizeof(part) + fd * sizeof(int), &number, sizeof(number));
    }
  }
  return reinterpret_cast<uintptr_t>(headers);
}

uint64_t Arguments::SignalAction() {
  if (random_.Once(8)) return random_.Once(2) ? 0 : BadMemory();
  struct KernelAction {
    void (*handler)(int);
    uint64_t flags;
    void (*restorer)();
    uint64_t mask;
  };
  auto* action = static_cast<KernelAction*>(Scratch(sizeof(KernelAction)));
  struct KernelAction old = {};
  // The C library's restorer, as this process's own action has it.
  syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &old, sizeof(uint64_t));
  action->handler = random_.Once(4) ? SIG_IGN : random_.Once(4) ? SIG_DFL : &Handler;
  action->flags =
      0x04000000 | (random_.Once(2) ? One<int>({SA_RESTART, SA_NODEFER, SA_SIGINFO, SA_ONSTACK, SA_NOCLDWAIT}) : 0);
  action->restorer = old.restorer;
  action->mask = random_.Once(4) ? random_.Next() : 0;
  return reinterpret_cast<uintptr_t>(action);
}

uint64_t Arguments::Strings() {
  if (random_.Once(16)) return BadMemory();
  constexpr size_t kCount = 5;
  auto** strings = static_cast<char**>(Scratch(kCount * sizeof(char*)));
  char* seed = static_cast<char*>(Scratch(32));
  snprintf(seed, 32, "%lu", random_.Next() >> 32);
  static char name[] = "syscall_fuzzer";
  static char option[] = "--worker";
  strings[0] = name;
  strings[1] = option;
  strings[2] = seed;
  strings[3] = random_.Once(16) ? reinterpret_cast<char*>(BadMemory()) : nullptr;
  strings[4] = nullptr;
  return reinterpret_cast<uintptr_t>(strings);
}

uint64_t Arguments::PollFds() {
  if (random_.Once(16)) return BadMemory();
  constexpr size_t kCount = 16;
  auto* fds = static_cast<pollfd*>(Scratch(kCount * sizeof(pollfd)));
  for (size_t i = 0; i < kCount; ++i) fds[i] = {static_cast<int>(Descriptor()), static_cast<short>(random_.Next()), 0};
  return reinterpret_cast<uintptr_t>(fds);
}

}  // namespace fuzz
