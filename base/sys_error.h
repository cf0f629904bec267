// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <variant>

#include "base/errno.h"

namespace base {

// Why an interrupted system call did not finish, and what the exit path of the call may do about it
// (signal(7), "Interruption of system calls"). Never visible to the guest.
enum class Restart {
  kNoIntr,        // ERESTARTNOINTR: always run the call again.
  kSys,           // ERESTARTSYS: again unless a handler without SA_RESTART runs; then EINTR.
  kNoHand,        // ERESTARTNOHAND: again unless any handler runs; then EINTR.
  kRestartBlock,  // ERESTART_RESTARTBLOCK: restart_syscall(2) with what the task saved; EINTR if a handler runs.
};

// The failure of a system call handler: an errno, or a restart code that only the syscall exit path may interpret.
class SysError {
 public:
  constexpr SysError(Errno error) : what_(error) {}        // NOLINT(google-explicit-constructor): TRY converts.
  constexpr SysError(Restart restart) : what_(restart) {}  // NOLINT(google-explicit-constructor): TRY converts.

  constexpr bool is_restart() const { return std::holds_alternative<Restart>(what_); }
  // REQUIRES: is_restart().
  constexpr Restart restart() const { return *std::get_if<Restart>(&what_); }
  // REQUIRES: !is_restart().
  constexpr Errno error() const { return *std::get_if<Errno>(&what_); }

 private:
  std::variant<Errno, Restart> what_;
};

}  // namespace base
