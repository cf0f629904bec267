// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_prctl.h"

#include <sys/prctl.h>

#include <array>
#include <cstring>

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/process_lookup.h"
#include "syscalls/publish_credentials.h"

namespace syscalls {
namespace {

constexpr size_t kNameSize = 16;  // TASK_COMM_LEN
constexpr uint64_t kDefaultTimerSlack = 50000;

base::Result<void> WriteInt(Task& task, uint64_t address, int32_t value) {
  return sentry::UserOut<int32_t>(base::GuestAddr(address)).Write(task.user_memory(), value);
}

base::Result<uint64_t> SetName(Task& task, uint64_t address) {
  // A string of 15 bytes at most; longer ones are cut.
  std::array<std::byte, kNameSize> bytes{};
  size_t wanted = kNameSize - 1;
  size_t read = TRY(task.memory().memory().CopyInSome(base::GuestAddr(address), std::span(bytes).first(wanted)));
  if (read < wanted && memchr(bytes.data(), 0, read) == nullptr) return base::Errno(EFAULT);
  char name[kNameSize];
  memcpy(name, bytes.data(), sizeof(name));
  task.set_name(name);
  if (task.group().leader == &task) task.guest().address_space().SetName(name);
  return uint64_t{0};
}

base::Result<uint64_t> GetName(Task& task, uint64_t address) {
  std::array<std::byte, kNameSize> bytes{};
  std::string name = task.name();
  memcpy(bytes.data(), name.data(), std::min(name.size(), kNameSize - 1));
  TRY(task.user_memory().CopyOut(base::GuestAddr(address), bytes));
  return uint64_t{0};
}

base::Result<uint64_t> Ambient(Task& task, uint64_t command, uint64_t capability, uint64_t argument4,
                               uint64_t argument5) {
  const vfs::Credentials& credentials = task.credentials();
  if (command == PR_CAP_AMBIENT_CLEAR_ALL) {
    if ((capability | argument4 | argument5) != 0) return base::Errno(EINVAL);
    base::RefPtr<vfs::Credentials> now = task.CopyCredentials();
    now->ambient = 0;
    TRY(Publish(task, std::move(now)));
    return uint64_t{0};
  }
  if (capability > static_cast<uint64_t>(kLastCapability) || (argument4 | argument5) != 0) return base::Errno(EINVAL);
  int number = static_cast<int>(capability);
  switch (command) {
    case PR_CAP_AMBIENT_IS_SET:
      return (credentials.ambient >> number) & 1;
    case PR_CAP_AMBIENT_RAISE:
    case PR_CAP_AMBIENT_LOWER:
      TRY(Publish(task, sentry::ChangeAmbient(credentials, number, command == PR_CAP_AMBIENT_RAISE)));
      return uint64_t{0};
    default:
      return base::Errno(EINVAL);
  }
}

// Options that concern credentials.
base::Result<uint64_t> CredentialOption(Task& task, int option, const uint64_t (&a)[4]) {
  const vfs::Credentials& credentials = task.credentials();
  switch (option) {
    case PR_GET_KEEPCAPS:
      return (credentials.securebits & sentry::kSecureKeepCaps) != 0 ? 1u : 0u;
    case PR_SET_KEEPCAPS:
      if (a[0] > 1) return base::Errno(EINVAL);
      TRY(Publish(task, sentry::SetKeepCaps(credentials, a[0] != 0)));
      return uint64_t{0};
    case PR_GET_SECUREBITS:
      return credentials.securebits;
    case PR_SET_SECUREBITS:
      TRY(Publish(task, sentry::SetSecurebits(credentials, a[0])));
      return uint64_t{0};
    case PR_CAPBSET_READ:
      if (a[0] > static_cast<uint64_t>(kLastCapability)) return base::Errno(EINVAL);
      return (credentials.bounding >> a[0]) & 1;
    case PR_CAPBSET_DROP:
      if (!credentials.HasCapability(kCapSetpcap)) return base::Errno(EPERM);
      if (a[0] > static_cast<uint64_t>(kLastCapability)) return base::Errno(EINVAL);
      TRY(Publish(task, sentry::DropBounding(credentials, static_cast<int>(a[0]))));
      return uint64_t{0};
    case PR_CAP_AMBIENT:
      return Ambient(task, a[0], a[1], a[2], a[3]);
    case PR_SET_NO_NEW_PRIVS: {
      if (a[0] != 1 || (a[1] | a[2] | a[3]) != 0) return base::Errno(EINVAL);
      base::RefPtr<vfs::Credentials> now = task.CopyCredentials();
      now->no_new_privileges = true;
      TRY(Publish(task, std::move(now)));
      return uint64_t{0};
    }
    case PR_GET_NO_NEW_PRIVS:
      if ((a[0] | a[1] | a[2] | a[3]) != 0) return base::Errno(EINVAL);
      return credentials.no_new_privileges ? 1u : 0u;
    default:
      return base::Errno(EINVAL);
  }
}

}  // namespace

base::Result<uint64_t> SysPrctl(Task& task, int32_t option, uint64_t argument2, uint64_t argument3, uint64_t argument4,
                                uint64_t argument5) {
  sentry::ThreadGroup& group = task.group();
  switch (option) {
    case PR_SET_PDEATHSIG: {
      if (argument2 > static_cast<uint64_t>(base::abi::kSignalCount)) return base::Errno(EINVAL);
      base::MutexLock lock(task.kernel().tree_mutex());
      task.parent_death_signal = static_cast<int>(argument2);
      return uint64_t{0};
    }
    case PR_GET_PDEATHSIG:
      TRY(WriteInt(task, argument2, task.parent_death_signal));
      return uint64_t{0};
    case PR_GET_DUMPABLE:
      return task.dumpable ? 1u : 0u;
    case PR_SET_DUMPABLE:
      if (argument2 > 1) return base::Errno(EINVAL);
      task.dumpable = argument2 == 1;
      return uint64_t{0};
    case PR_SET_NAME:
      return SetName(task, argument2);
    case PR_GET_NAME:
      return GetName(task, argument2);
    case PR_GET_TIMING:
      return uint64_t{PR_TIMING_STATISTICAL};
    case PR_SET_TIMING:
      if (argument2 != PR_TIMING_STATISTICAL) return base::Errno(EINVAL);
      return uint64_t{0};
    case PR_GET_TSC:
      TRY(WriteInt(task, argument2, PR_TSC_ENABLE));
      return uint64_t{0};
    case PR_SET_TSC:
      if (argument2 != PR_TSC_ENABLE) return base::Errno(EINVAL);
      return uint64_t{0};
    case PR_GET_TIMERSLACK:
      return kDefaultTimerSlack;
    case PR_GET_SECCOMP:
      return uint64_t{0};
    case PR_SET_CHILD_SUBREAPER: {
      base::MutexLock lock(task.kernel().tree_mutex());
      group.child_subreaper = argument2 != 0;
      return uint64_t{0};
    }
    case PR_GET_CHILD_SUBREAPER: {
      bool subreaper = false;
      {
        base::MutexLock lock(task.kernel().tree_mutex());
        subreaper = group.child_subreaper;
      }
      TRY(WriteInt(task, argument2, subreaper ? 1 : 0));
      return uint64_t{0};
    }
    case PR_GET_TID_ADDRESS:
      TRY(sentry::UserOut<uint64_t>(base::GuestAddr(argument2))
              .Write(task.user_memory(), task.clear_child_tid.value()));
      return uint64_t{0};
    case PR_GET_THP_DISABLE:
      if ((argument2 | argument3 | argument4 | argument5) != 0) return base::Errno(EINVAL);
      return uint64_t{0};
    default:
      return CredentialOption(task, option, {argument2, argument3, argument4, argument5});
  }
}

}  // namespace syscalls
