// SPDX-License-Identifier: Apache-2.0
#include "syscalls/table.h"

#include <array>

#include "syscalls/decode.h"
#include "syscalls/sys_arch_amd64.h"
#include "syscalls/sys_attr.h"
#include "syscalls/sys_dir.h"
#include "syscalls/sys_epoll.h"
#include "syscalls/sys_exec.h"
#include "syscalls/sys_fd.h"
#include "syscalls/sys_futex.h"
#include "syscalls/sys_identity.h"
#include "syscalls/sys_info.h"
#include "syscalls/sys_inotify.h"
#include "syscalls/sys_itimer.h"
#include "syscalls/sys_kill.h"
#include "syscalls/sys_limits.h"
#include "syscalls/sys_link.h"
#include "syscalls/sys_lock.h"
#include "syscalls/sys_memfd.h"
#include "syscalls/sys_mmap.h"
#include "syscalls/sys_msg.h"
#include "syscalls/sys_open.h"
#include "syscalls/sys_pidfd.h"
#include "syscalls/sys_pipe.h"
#include "syscalls/sys_poll.h"
#include "syscalls/sys_prctl.h"
#include "syscalls/sys_process.h"
#include "syscalls/sys_rw.h"
#include "syscalls/sys_sched.h"
#include "syscalls/sys_sem.h"
#include "syscalls/sys_shm.h"
#include "syscalls/sys_signal.h"
#include "syscalls/sys_socket.h"
#include "syscalls/sys_socket_message.h"
#include "syscalls/sys_socket_options.h"
#include "syscalls/sys_splice.h"
#include "syscalls/sys_stat.h"
#include "syscalls/sys_time.h"
#include "syscalls/sys_timer.h"
#include "syscalls/sys_timerfd.h"
#include "syscalls/sys_wait.h"
#include "syscalls/sys_xattr.h"

namespace syscalls {
namespace {

struct Row {
  uint32_t number;
  sentry::SyscallEntry entry;
  Support support;
  const char* note;
};

template <auto Handler>
constexpr sentry::SyscallEntry Entry(const char* name, bool sets_registers) {
  return {.name = name,
          .handler = &Adapter<Handler>::Call,
          .sets_registers = sets_registers,
          .format = &Adapter<Handler>::Format};
}

constexpr Row kRows[] = {
#define SYSCALL(nr, call, Handler, level, text) {nr, Entry<&Handler>(#call, false), Support::level, text},
#define SYSCALL_SPECIAL(nr, call, Handler, level, text) {nr, Entry<&Handler>(#call, true), Support::level, text},
#define SYSCALL_NONE(nr, call, text) \
  {nr, {.name = #call, .handler = nullptr, .sets_registers = false, .format = nullptr}, Support::kNone, text},
#include "syscalls/table.inc"
#undef SYSCALL
#undef SYSCALL_SPECIAL
#undef SYSCALL_NONE
};

class StaticTable : public sentry::SyscallTable {
 public:
  constexpr StaticTable() {
    for (const Row& row : kRows) by_number_[row.number] = &row.entry;
  }
  const sentry::SyscallEntry* Find(uint32_t number) const override {
    return number < kSize ? by_number_[number] : nullptr;
  }

 private:
  std::array<const sentry::SyscallEntry*, kSize> by_number_{};
};

}  // namespace

const sentry::SyscallTable& Table() {
  static const StaticTable table;
  return table;
}

void ForEachSyscall(void (*visit)(void* argument, uint32_t number, const char* name, Support support, const char* note),
                    void* argument) {
  for (const Row& row : kRows) visit(argument, row.number, row.entry.name, row.support, row.note);
}

}  // namespace syscalls
