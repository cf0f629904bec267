// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_info.h"

#include <sched.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/version.h"
#include "syscalls/process_lookup.h"

namespace syscalls {
namespace {

using base::abi::Sysinfo;
using base::abi::Utsname;

constexpr size_t kNameMax = 64;  // __NEW_UTS_LEN

template <size_t N>
void Put(char (&field)[N], std::string_view text) {
  memcpy(field, text.data(), std::min(text.size(), N - 1));
}

base::Result<void> SetName(Task& task, std::string sentry::Container::*field, base::GuestAddr name, int32_t length) {
  if (!task.credentials().HasCapability(kCapSysAdmin)) return base::Errno(EPERM);
  if (length < 0 || static_cast<size_t>(length) > kNameMax) return base::Errno(EINVAL);
  std::array<std::byte, kNameMax> bytes{};
  TRY(task.user_memory().CopyIn(name, std::span(bytes).first(length)));
  std::string text(length, '\0');
  memcpy(text.data(), bytes.data(), length);
  text.resize(strlen(text.c_str()));
  base::MutexLock lock(task.kernel().tree_mutex());
  task.container().*field = std::move(text);
  return {};
}

}  // namespace

base::Result<void> SysUname(Task& task, sentry::UserOut<Utsname> name) {
  Utsname uts;
  Put(uts.system, sentry::kSystemName);
  Put(uts.release, sentry::kSystemRelease);
  Put(uts.version, sentry::kSystemVersion);
  Put(uts.machine, sentry::kMachine);
  {
    base::MutexLock lock(task.kernel().tree_mutex());
    Put(uts.node, task.container().hostname);
    Put(uts.domain, task.container().domainname.empty() ? "(none)" : task.container().domainname);
  }
  return name.Write(task.user_memory(), uts);
}

base::Result<void> SysSethostname(Task& task, base::GuestAddr name, int32_t length) {
  return SetName(task, &sentry::Container::hostname, name, length);
}

base::Result<void> SysSetdomainname(Task& task, base::GuestAddr name, int32_t length) {
  return SetName(task, &sentry::Container::domainname, name, length);
}

base::Result<void> SysSysinfo(Task& task, sentry::UserOut<Sysinfo> info) {
  // Memory and load are the host's, as in any container; what runs is the sandbox's.
  struct sysinfo host {};
  if (sysinfo(&host) != 0) return base::Errno(ENOSYS);
  Sysinfo result;
  result.uptime = host.uptime;
  std::copy(std::begin(host.loads), std::end(host.loads), result.loads);
  result.total_ram = host.totalram;
  result.free_ram = host.freeram;
  result.shared_ram = host.sharedram;
  result.buffer_ram = host.bufferram;
  result.total_swap = host.totalswap;
  result.free_swap = host.freeswap;
  result.memory_unit = host.mem_unit;
  result.processes = static_cast<uint16_t>(std::min<size_t>(task.kernel().task_count(), UINT16_MAX));
  return info.Write(task.user_memory(), result);
}

base::SysResult<uint64_t> SysGetrandom(Task& task, base::GuestAddr buffer, uint64_t length, uint32_t flags) {
  if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0) return base::Errno(EINVAL);
  if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) return base::Errno(EINVAL);
  // The host answers this much at once, uninterrupted (random(4)); it also bounds the stack used here.
  std::array<std::byte, 256> chunk;
  length = std::min<uint64_t>(length, INT32_MAX);
  uint64_t done = 0;
  while (done < length) {
    size_t count = std::min<uint64_t>(chunk.size(), length - done);
    if (getrandom(chunk.data(), count, 0) != static_cast<ssize_t>(count)) return base::Errno(EAGAIN);
    std::optional<base::GuestAddr> to = buffer.Add(done);
    size_t written = 0;
    if (to) {
      auto copied = task.memory().memory().CopyOutSome(*to, std::span(chunk).first(count));
      written = copied.ok() ? *copied : 0;
    }
    done += written;
    if (written < count) {
      if (done == 0) return base::Errno(EFAULT);
      break;
    }
    if (done < length && task.Interrupted()) break;
  }
  return done;
}

base::Result<uint32_t> SysPersonality(Task& task, uint32_t persona) {
  constexpr uint32_t kQuery = 0xffffffff;
  if (persona == kQuery) return task.personality;
  return std::exchange(task.personality, persona);
}

base::Result<void> SysGetcpu(Task& task, sentry::UserOut<uint32_t> cpu, sentry::UserOut<uint32_t> node,
                             base::GuestAddr) {
  // Where the kernel side runs now is where the guest most likely ran: the answer is old when it arrives in any case.
  int current = sched_getcpu();
  if (!cpu.is_null()) TRY(cpu.Write(task.user_memory(), current < 0 ? 0 : static_cast<uint32_t>(current)));
  if (!node.is_null()) TRY(node.Write(task.user_memory(), 0));
  return {};
}

base::Result<void> SysSyslog(Task&, int32_t type, base::GuestAddr, int32_t) {
  constexpr int32_t kLastAction = 10;  // SYSLOG_ACTION_SIZE_BUFFER
  if (type < 0 || type > kLastAction) return base::Errno(EINVAL);
  // The kernel's log is not the container's to read (kernel.dmesg_restrict).
  return base::Errno(EPERM);
}

}  // namespace syscalls
