// SPDX-License-Identifier: Apache-2.0
// clone(2), fork(2), vfork(2).
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "base/log.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/completion.h"
#include "sentry/task/process_file.h"
#include "sentry/task/task.h"

namespace sentry {
namespace {

// Namespaces, and what else is not there yet: Linux built without them says EINVAL.
constexpr uint64_t kUnsupported = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                  CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;

base::Result<void> CheckFlags(const Task::CloneArguments& arguments) {
  uint64_t flags = arguments.flags;
  if ((flags & CLONE_PIDFD) != 0) {
    if ((flags & CLONE_THREAD) != 0) return base::Errno(EINVAL);
    // clone(2) has one place for both.
    if ((flags & CLONE_PARENT_SETTID) != 0 && arguments.pidfd == arguments.parent_tid) return base::Errno(EINVAL);
  }
  if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) return base::Errno(EINVAL);
  if ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0) return base::Errno(EINVAL);
  if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS)) return base::Errno(EINVAL);
  if ((flags & kUnsupported) != 0) return base::Errno(EINVAL);
  return {};
}

}  // namespace

base::Result<platform::Registers> Task::ChildRegisters(const CloneArguments& arguments) {
  // The child sees the call return 0; the parent's own value is set when the call ends.
  guest_->set_syscall(platform::SyscallAction::kReturn, 0);
  platform::Registers registers = *TRY(guest_->registers());
  if (arguments.stack != 0) registers.rsp = arguments.stack;
  if ((arguments.flags & CLONE_SETTLS) != 0) {
    if (arguments.tls >= kernel_.platform().max_address().value()) return base::Errno(EPERM);
    registers.fs_base = arguments.tls;
  }
  return registers;
}

base::SysResult<uint64_t> Task::Clone(const CloneArguments& arguments) {
  TRY(CheckFlags(arguments));
  if (kernel_.task_count() >= static_cast<size_t>(kernel_.options().max_tasks)) return base::Errno(EAGAIN);
  platform::Registers registers = TRY(ChildRegisters(arguments));
  if ((arguments.flags & CLONE_THREAD) != 0) return CloneThread(arguments, registers);
  return CloneProcess(arguments, registers);
}

base::SysResult<uint64_t> Task::CloneThread(const CloneArguments& arguments, const platform::Registers& registers) {
  platform::ExtendedState* state = TRY(guest_->extended_state());
  std::unique_ptr<platform::GuestThread> guest = TRY(memory_->address_space().NewThread(registers, *state));
  base::Tid tid = TRY(kernel_.ReserveTid());
  auto child = base::MakeRef<Task>(kernel_, tid,
                                   Parts{.group = group_,
                                         .memory = memory_,
                                         .guest = std::move(guest),
                                         .fds = (arguments.flags & CLONE_FILES) != 0 ? fds_ : fds_->Copy(),
                                         .fs = (arguments.flags & CLONE_FS) != 0 ? fs_ : fs_->Copy(),
                                         .credentials = credentials_,
                                         .signal_mask = mask_,
                                         .name = name_});
  child->alternate_stack_.flags = SS_DISABLE;
  child->personality = personality;
  child->InheritScheduling(*this);
  if ((arguments.flags & CLONE_CHILD_CLEARTID) != 0) child->clear_child_tid = arguments.child_tid;
  int32_t id = tid.value();
  auto bytes = std::as_bytes(std::span(&id, 1));
  // As on Linux, bad addresses are ignored.
  if ((arguments.flags & CLONE_PARENT_SETTID) != 0) [[maybe_unused]]
    auto written = memory_->memory().CopyOut(arguments.parent_tid, bytes);
  if ((arguments.flags & CLONE_CHILD_SETTID) != 0) [[maybe_unused]]
    auto written = memory_->memory().CopyOut(arguments.child_tid, bytes);
  {
    base::MutexLock tree(kernel_.tree_mutex());
    base::MutexLock lock(group_->signal_mutex_);
    if (group_->group_exiting() || group_->exec_task_ != nullptr) {
      // The process is ending around this call: the new thread never was.
      kernel_.ReleaseTid(tid);
      return base::Restart::kNoIntr;
    }
    kernel_.AddTask(*child);
    group_->tasks.push_back(child.get());
    if (group_->stop_signal_ != 0) child->attention_.store(true, std::memory_order_release);
  }
  auto started = child->Start();
  if (!started.ok()) {
    child->AbandonStart();
    return started.error();
  }
  return static_cast<uint64_t>(id);
}

base::SysResult<uint64_t> Task::CloneProcess(const CloneArguments& arguments, const platform::Registers& registers) {
  platform::ExtendedState* state = TRY(guest_->extended_state());
  if (!kernel_.MayAddProcess(*credentials_, group_->limits().Soft(RLIMIT_NPROC))) return base::Errno(EAGAIN);
  base::RefPtr<MemoryManager> memory;
  std::unique_ptr<platform::GuestThread> guest;
  if ((arguments.flags & CLONE_VM) != 0) {
    memory = memory_;
    guest = TRY(memory_->address_space().NewThread(registers, *state));
  } else {
    MemoryManager::Forked forked = TRY(memory_->Fork(registers, *state));
    memory = std::move(forked.memory);
    guest = std::move(forked.thread);
  }
  base::Tid tid = TRY(kernel_.ReserveTid());
  base::RefPtr<SignalHandlers> handlers = group_->handlers();
  auto group = base::MakeRef<ThreadGroup>(kernel_, container(), base::Pid(tid.value()),
                                          (arguments.flags & CLONE_SIGHAND) != 0 ? handlers : handlers->Copy(),
                                          group_->limits().All(), arguments.exit_signal);
  auto child = base::MakeRef<Task>(kernel_, tid,
                                   Parts{.group = group,
                                         .memory = memory,
                                         .guest = std::move(guest),
                                         .fds = (arguments.flags & CLONE_FILES) != 0 ? fds_ : fds_->Copy(),
                                         .fs = (arguments.flags & CLONE_FS) != 0 ? fs_ : fs_->Copy(),
                                         .credentials = credentials_,
                                         .signal_mask = mask_,
                                         .name = name_});
  child->dumpable = dumpable;
  child->personality = personality;
  child->InheritScheduling(*this);
  // The alternate stack survives fork, not CLONE_VM without vfork (sigaltstack(2)).
  if ((arguments.flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) {
    child->alternate_stack_ = alternate_stack_;
  } else {
    child->alternate_stack_.flags = SS_DISABLE;
  }
  if ((arguments.flags & CLONE_CHILD_CLEARTID) != 0) child->clear_child_tid = arguments.child_tid;
  int32_t id = tid.value();
  auto bytes = std::as_bytes(std::span(&id, 1));
  if ((arguments.flags & CLONE_PARENT_SETTID) != 0) [[maybe_unused]]
    auto written = memory_->memory().CopyOut(arguments.parent_tid, bytes);
  if ((arguments.flags & CLONE_CHILD_SETTID) != 0) [[maybe_unused]]
    auto written = memory->memory().CopyOut(arguments.child_tid, bytes);
  if ((arguments.flags & CLONE_PIDFD) != 0) {
    auto told = InstallPidfd(*group, arguments.pidfd);
    if (!told.ok()) {
      base::MutexLock tree(kernel_.tree_mutex());
      kernel_.ReleaseTid(tid);
      return told.error();
    }
  }
  base::RefPtr<Completion> vfork_done;
  if ((arguments.flags & CLONE_VFORK) != 0) {
    vfork_done = base::MakeRef<Completion>();
    child->vfork_done_ = vfork_done;
  }
  {
    base::MutexLock tree(kernel_.tree_mutex());
    ThreadGroup* parent = (arguments.flags & CLONE_PARENT) != 0 ? group_->parent : group_.get();
    kernel_.AddProcess(group, *child, parent, group_->process_group);
    group->without_terminal = group_->without_terminal;
  }
  group->cpu_limit().Update();
  auto started = child->Start();
  if (!started.ok()) {
    child->AbandonStart();
    return started.error();
  }
  if (vfork_done) {
    WakeFlag flag(*this);
    FlagWaiter waiter(flag, &vfork_done->queue(), POLLIN);
    while (!vfork_done->done()) {
      flag.Clear();
      if (vfork_done->done()) break;
      // Only death ends it early (clone(2), CLONE_VFORK).
      if (Block(flag, base::kForever, /*interruptible=*/false) == BlockOutcome::kInterrupted) break;
    }
  }
  return static_cast<uint64_t>(id);
}

base::Result<void> Task::InstallPidfd(ThreadGroup& child, base::GuestAddr where) {
  base::Fd fd = TRY(InstallFd(ProcessFile::Create(*this, child, 0), /*close_on_exec=*/true));
  int32_t number = fd.value();
  auto told = memory_->memory().CopyOut(where, std::as_bytes(std::span(&number, 1)));
  if (!told.ok()) TRY(fds_->Close(*this, fd));
  return told;
}

void Task::AbandonStart() {
  exit_status_ = SIGKILL;
  ExitMain();
}

}  // namespace sentry
