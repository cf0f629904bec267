// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_arch_amd64.h"

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"

namespace syscalls {
namespace {

constexpr int32_t kArchSetGs = 0x1001;
constexpr int32_t kArchSetFs = 0x1002;
constexpr int32_t kArchGetFs = 0x1003;
constexpr int32_t kArchGetGs = 0x1004;

}  // namespace

base::Result<void> SysArchPrctl(Task& task, int32_t code, uint64_t argument) {
  bool valid_base = argument < task.kernel().platform().max_address().value();
  switch (code) {
    case kArchSetFs:
      if (!valid_base) return base::Errno(EPERM);
      return task.guest().SetFsBase(argument);
    case kArchSetGs: {
      if (!valid_base) return base::Errno(EPERM);
      task.guest().set_syscall(platform::SyscallAction::kReturn, 0);
      TRY(task.guest().registers())->gs_base = argument;
      return {};
    }
    case kArchGetFs:
    case kArchGetGs: {
      task.guest().set_syscall(platform::SyscallAction::kReturn, 0);
      platform::Registers* registers = TRY(task.guest().registers());
      uint64_t base = code == kArchGetFs ? registers->fs_base : registers->gs_base;
      return sentry::UserOut<uint64_t>(base::GuestAddr(argument)).Write(task.user_memory(), base);
    }
    default:
      return base::Errno(EINVAL);
  }
}

}  // namespace syscalls
