// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/condvar.h"
#include "base/mutex.h"
#include "platform/platform.h"
#include "runsc/boot/boot.h"
#include "runsc/control/server.h"
#include "sentry/fs/devpts/host_terminal.h"
#include "sentry/kernel.h"
#include "sentry/sched/scheduler.h"
#include "vfs/gofer_client/gofer_client.h"
#include "vfs/host_file/host_file.h"

namespace runsc {

// The kernel of a sandbox with its first container, and what runsc may ask of it. One per sentry process.
class SandboxKernel : public control::SandboxControl {
 public:
  // On the main thread, after LockDown. `platform` must outlive the sandbox.
  SandboxKernel(BootConfig config, platform::Platform& platform);
  // Ends all threads. What guest code is left dies with the platform.
  ~SandboxKernel() override;

  // Starts the scheduler, builds the container and checks that its program is there. The message is for the user.
  Status Prepare(Fds& fds);
  // Waits for the end of the first process, or Shutdown. The exit code of the sandbox.
  int WaitForEnd();

  // control::SandboxControl.
  Status StartRoot() override;
  Status Signal(control::SignalTarget target, int pid, int signal) override;
  StatusOr<int> Exec(control::ExecRequest request, control::ExitCallback exited) override;
  Status Wait(int pid, control::ExitCallback exited) override;
  std::vector<control::ProcessInfo> Processes() override;
  void Shutdown() override;

 private:
  // A process that was started from outside.
  struct Outsider {
    std::optional<int> status;
    std::vector<control::ExitCallback> waiting;
    base::RefPtr<sentry::HostTerminal> terminal;  // Null: none.
  };

  using GuestTerminal = sentry::HostTerminal::Made;

  Status BuildContainer(Fds& fds);
  // On a fiber.
  StatusOr<base::RefPtr<sentry::FdTable>> MakeFds(std::array<base::UniqueFd, 3> stdio, std::vector<GuestFd> passed,
                                                  const GuestTerminal& terminal, uint64_t limit);
  // On a fiber. A terminal of the guest's, seen on the host's terminal that `stdio` is; that is taken out of there.
  StatusOr<GuestTerminal> MakeTerminal(std::array<base::UniqueFd, 3>& stdio, sentry::Kernel::ProcessArguments& process);
  // /dev/console is the first process's terminal.
  void MakeConsole(const vfs::Path& terminal);
  StatusOr<int> StartProcess(sentry::Kernel::ProcessArguments arguments, base::RefPtr<sentry::HostTerminal> terminal,
                             control::ExitCallback exited);
  void ProcessExited(int pid, int status);
  // hooks.startContainer (start_hooks.cc): one after the other, in the container, before its first process.
  Status RunStartHooks();
  Status RunStartHook(const spec::Hook& hook, const std::string& state);
  // Runs `body` on a fiber and returns what it returns.
  Status OnFiber(const std::function<Status()>& body);

  static base::LockClass kLock;
  const BootConfig config_;
  platform::Platform& platform_;
  sentry::Scheduler scheduler_;
  std::unique_ptr<sentry::Kernel> kernel_;
  std::unique_ptr<vfs::HostPoller> poller_;
  std::unique_ptr<sentry::Container> container_;
  std::optional<sentry::Kernel::ProcessArguments> first_;  // Until StartRoot.
  GuestTerminal first_terminal_;                           // Until StartRoot; nulls: none.

  base::Mutex mutex_;
  base::CondVar ended_;
  std::map<int, Outsider> outsiders_ ABSL_GUARDED_BY(mutex_);
  int first_pid_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shutdown_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace runsc
