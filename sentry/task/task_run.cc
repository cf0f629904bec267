// SPDX-License-Identifier: Apache-2.0
// The loop of a task: guest code, then the event that ended it, then what must be settled before guest code runs again.
#include <signal.h>

#include <algorithm>
#include <cstdio>

#include "base/abi/signal.h"
#include "base/log.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/signals/deliver.h"
#include "sentry/task/memory_limits.h"
#include "sentry/task/task.h"

namespace sentry {

base::Result<void> Task::Start() {
  Ref();
  bool spawned = kernel_.scheduler().Spawn([this] {
    Main();
    Unref();
  });
  if (spawned) return {};
  Unref();
  return base::Errno(ENOMEM);
}

void Task::Main() {
  std::optional<FinishedCall> finished;
  while (PrepareForGuest(std::move(finished))) {
    finished.reset();
    platform::Event event = RunGuest();
    switch (event.kind) {
      case platform::Event::Kind::kSyscall:
        finished = HandleSyscall(event);
        break;
      case platform::Event::Kind::kFault:
        HandleFault(event);
        break;
      case platform::Event::Kind::kInterrupt:
        break;
      case platform::Event::Kind::kGone:
        // The stub was killed from outside: to the guest, that is the out-of-memory killer.
        PrepareGroupExit(SIGKILL);
        break;
    }
  }
  ExitMain();
}

platform::Event Task::RunGuest() {
  {
    base::MutexLock lock(mutex_);
    in_guest_ = true;
    // An Interrupt before this point found in_guest_ false: it is seen here.
    if (attention_.load(std::memory_order_acquire)) guest_->Interrupt();
  }
  cpu_account_.Enter(CpuAccount::Place::kGuest);
  platform::Event event = guest_->Run();
  cpu_account_.Enter(CpuAccount::Place::kKernel);
  base::MutexLock lock(mutex_);
  in_guest_ = false;
  return event;
}

std::optional<Task::FinishedCall> Task::HandleSyscall(const platform::Event& event) {
  SyscallArguments arguments;
  std::copy(std::begin(event.arguments), std::end(event.arguments), arguments.begin());
  const SyscallEntry* entry = kernel_.syscalls().Find(event.number);
  FinishedCall call{event.number, arguments, base::Errno(ENOSYS)};
  if (entry == nullptr || entry->handler == nullptr) {
    kernel_.NoteUnimplemented(event.number, entry != nullptr ? entry->name : "unknown");
    LogSyscall(entry, call);
    return call;
  }
  call.result = entry->handler(*this, arguments);
  LogSyscall(entry, call);
  if (event.worth_patching && kernel_.options().patch_call_sites) {
    memory_->PatchCallSite(*guest_, base::GuestAddr(event.instruction_pointer), event.number);
  }
  if (entry->sets_registers && call.result.ok()) return std::nullopt;
  return call;
}

void Task::LogSyscall(const SyscallEntry* entry, const FinishedCall& call) {
  if (!kernel_.options().strace) [[likely]]
    return;
  char arguments[512] = "";
  if (entry != nullptr && entry->format != nullptr) {
    entry->format(*this, call.arguments, arguments, sizeof(arguments));
  } else {
    snprintf(arguments, sizeof(arguments), "0x%llx, 0x%llx, 0x%llx", static_cast<unsigned long long>(call.arguments[0]),
             static_cast<unsigned long long>(call.arguments[1]), static_cast<unsigned long long>(call.arguments[2]));
  }
  const char* name = entry != nullptr ? entry->name : "unknown";
  if (call.result.ok()) {
    base::LogLine(base::LogLevel::kInfo, "strace", tid().value(), "%s: %s(%s) = 0x%llx", name_.c_str(), name, arguments,
                  static_cast<unsigned long long>(call.result.value()));
  } else if (call.result.error().is_restart()) {
    base::LogLine(base::LogLevel::kInfo, "strace", tid().value(), "%s: %s(%s) = ? (interrupted)", name_.c_str(), name,
                  arguments);
  } else {
    base::Errno error = call.result.error().error();
    base::LogLine(base::LogLevel::kInfo, "strace", tid().value(), "%s: %s(%s) = -%s [%s:%d]", name_.c_str(), name,
                  arguments, base::ErrnoName(error.code()), error.file() != nullptr ? error.file() : "", error.line());
  }
}

void Task::HandleFault(const platform::Event& event) {
  if (event.signal == SIGSEGV && event.code == SEGV_MAPERR &&
      memory_->GrowDown(base::GuestAddr(event.address), MemoryLimitsOf(*this))) {
    return;
  }
  base::abi::Siginfo info;
  info.signo = event.signal;
  info.code = event.code;
  info.fault.address = event.address;
  last_fault.trap_number = event.trap_number;
  last_fault.error_code = event.error_code;
  // Only page faults set cr2.
  constexpr uint64_t kPageFault = 14;
  if (event.trap_number == kPageFault) last_fault.address = event.address;
  ForceSignal(info);
}

bool Task::PrepareForGuest(std::optional<FinishedCall> finished) {
  while (true) {
    if (exiting() || group_->group_exiting()) return false;
    bool look = attention_.exchange(false, std::memory_order_acq_rel);
    bool restart = finished && !finished->result.ok() && finished->result.error().is_restart();
    if (look || restart || has_temporary_mask()) {
      SignalVerdict verdict = NextSignal(*this);
      switch (verdict.kind) {
        case SignalVerdict::Kind::kExit:
          return false;
        case SignalVerdict::Kind::kHandler:
          // More may be pending: look again before guest code runs.
          attention_.store(true, std::memory_order_release);
          RunHandler(verdict.info, verdict.action, finished);
          continue;
        case SignalVerdict::Kind::kNone:
          break;
      }
      if (restart) {
        // No handler runs, so the call goes on as if nothing had happened: here, without a way through the guest.
        const SyscallEntry* entry = kernel_.syscalls().Find(finished->number);
        finished->result = finished->result.error().restart() == base::Restart::kRestartBlock
                               ? restart_block(*this)
                               : entry->handler(*this, finished->arguments);
        LogSyscall(entry, *finished);
        if (entry->sets_registers && finished->result.ok()) finished.reset();
        continue;
      }
    }
    break;
  }
  if (finished) {
    uint64_t value = finished->result.ok() ? finished->result.value()
                                           : static_cast<uint64_t>(-int64_t{finished->result.error().error().code()});
    guest_->set_syscall(platform::SyscallAction::kReturn, value);
  }
  return true;
}

void Task::RunHandler(const base::abi::Siginfo& info, const base::abi::KernelSigaction& action,
                      std::optional<FinishedCall>& finished) {
  if (finished) {
    auto outcome = platform::SyscallAction::kReturn;
    uint64_t value = 0;
    if (finished->result.ok()) {
      value = finished->result.value();
    } else if (!finished->result.error().is_restart()) {
      value = static_cast<uint64_t>(-int64_t{finished->result.error().error().code()});
    } else {
      base::Restart restart = finished->result.error().restart();
      bool again =
          restart == base::Restart::kNoIntr || (restart == base::Restart::kSys && (action.flags & SA_RESTART) != 0);
      if (again) {
        outcome = platform::SyscallAction::kRestart;
      } else {
        value = static_cast<uint64_t>(-int64_t{EINTR});
      }
    }
    guest_->set_syscall(outcome, value);
    finished.reset();
  }
  auto built = BuildSignalFrame(info, action);
  // ESRCH: the stub is gone, which the next Run tells.
  if (!built.ok() && built.error().code() != ESRCH) ForceBadFrame(info.signo);
}

}  // namespace sentry
