// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/sandbox_kernel.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "runsc/boot/mount_setup.h"
#include "runsc/boot/process_setup.h"
#include "sentry/fs/devpts/devpts.h"
#include "sentry/kernel_context.h"
#include "syscalls/table.h"
#include "vfs/dev/memory_devices.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace runsc {
namespace {

constexpr int kWorkers = 3;

sentry::Kernel::Options KernelOptions(const BootConfig& config, const platform::Platform& platform) {
  sentry::Kernel::Options options;
  options.vdso = platform.host_vdso();
  options.patch_call_sites = config.settings.hot_calls != "never";
  options.strace = config.settings.strace;
  options.strace_calls = config.settings.strace_syscalls;
  return options;
}

sentry::Scheduler::Options SchedulerOptions(const BootConfig& config) {
  using Spinning = sentry::Scheduler::Spinning;
  const std::string& hot = config.settings.hot_calls;
  sentry::Scheduler::Options options;
  options.workers = kWorkers;
  options.spinning = hot == "never" ? Spinning::kNever : hot == "always" ? Spinning::kAlways : Spinning::kAuto;
  return options;
}

int ExitCode(int wait_status) {
  constexpr int kSignalBase = 128;
  return WIFSIGNALED(wait_status) ? kSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Without a terminal on the host there is none to be had: the streams are passed as they are.
bool HasTerminal(const spec::Process& process, const std::array<base::UniqueFd, 3>& stdio) {
  return process.terminal && stdio[0] && isatty(stdio[0].get()) == 1;
}

// As runc words it, in small letters too: docker run looks for "no such file or directory" (127), "permission denied"
// and "is a directory" (126), and takes all else for a failure of its own (125).
std::string ProgramError(const std::string& program, base::Errno error) {
  std::string text = program.find('/') == std::string::npos && error.code() == ENOENT
                         ? "executable file not found in $PATH"
                         : strerror(error.code());
  text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  return absl::StrCat("exec: \"", program, "\": ", text);
}

// A process may end before StartProcess has told its pid: its end is kept here until then.
constinit base::LockClass kEarlyLock{"SandboxKernel::Early"};
struct Early {
  base::Mutex mutex{kEarlyLock};
  int pid = 0;
  std::optional<int> status;
};

}  // namespace

constinit base::LockClass SandboxKernel::kLock{"SandboxKernel::mutex_"};

SandboxKernel::SandboxKernel(BootConfig config, platform::Platform& platform)
    : config_(std::move(config)), platform_(platform), scheduler_(SchedulerOptions(config_)), mutex_(kLock) {}

SandboxKernel::~SandboxKernel() {
  scheduler_.Stop();
  poller_.reset();
}

Status SandboxKernel::OnFiber(const std::function<Status()>& body) {
  Status status;
  scheduler_.RunOnFiber([&] { status = body(); });
  return status;
}

Status SandboxKernel::Prepare(Fds& fds) {
  auto started = platform_.Start(scheduler_);
  if (!started.ok()) return SystemError("cannot start the platform", started.error().code());
  for (platform::Receiver* receiver : platform_.receivers()) scheduler_.AddReceiver(receiver);
  scheduler_.Start();
  kernel_ =
      std::make_unique<sentry::Kernel>(KernelOptions(config_, platform_), scheduler_, platform_, syscalls::Table());
  vfs::AddMemoryDevices(kernel_->devices());
  sentry::AddTerminalDevices(*kernel_);
  auto poller = vfs::HostPoller::Create();
  if (!poller.ok()) return SystemError("cannot watch the standard streams", poller.error().code());
  poller_ = std::move(*poller);
  return OnFiber([&] { return BuildContainer(fds); });
}

Status SandboxKernel::BuildContainer(Fds& fds) {
  auto gofer = vfs::GoferClient::Connect(std::move(fds.gofer));
  if (!gofer.ok()) return SystemError("cannot talk to the gofer", gofer.error().code());
  base::RefPtr<vfs::MountNamespace> mounts = TRY_STATUS(MakeMounts(config_, *kernel_, *gofer));
  auto spaces = platform_.NewContainer();
  if (!spaces.ok()) return SystemError("cannot make address spaces", spaces.error().code());
  container_ = std::make_unique<sentry::Container>(config_.id, std::move(*spaces), std::move(mounts),
                                                   config_.spec.hostname, config_.spec.domainname);
  if (!config_.spec.process) return InvalidInput(config_.spec_name + ": process: missing");
  MakeWorkingDirectory(*config_.spec.process, *container_);
  auto made = MakeProcess(*config_.spec.process, *container_);
  if (!made.ok()) return Annotate(made.status(), config_.spec_name);
  sentry::Kernel::ProcessArguments first = std::move(*made);
  auto found = kernel_->CheckProgram(first);
  if (!found.ok()) return Failed(ProgramError(first.argv.empty() ? "" : first.argv[0], found.error()));
  if (HasTerminal(*config_.spec.process, fds.stdio)) {
    first_terminal_ = TRY_STATUS(MakeTerminal(fds.stdio, first));
    if (fds.resized) first_terminal_.terminal->FollowSize(*kernel_, *poller_, std::move(fds.resized));
    MakeConsole(first_terminal_.slave->path());
  }
  first.fds = TRY_STATUS(
      MakeFds(std::move(fds.stdio), std::move(fds.passed), first_terminal_, first.limits[RLIMIT_NOFILE].soft));
  first.init = true;
  first_ = std::move(first);
  return absl::OkStatus();
}

StatusOr<SandboxKernel::GuestTerminal> SandboxKernel::MakeTerminal(std::array<base::UniqueFd, 3>& stdio,
                                                                   sentry::Kernel::ProcessArguments& process) {
  auto made =
      sentry::HostTerminal::Create(*kernel_, *container_, *poller_, std::move(stdio[0]), process.credentials->euid);
  if (!made.ok()) return SystemError("process.terminal", made.error().code());
  for (base::UniqueFd& fd : stdio) fd.Reset();
  process.terminal = made->terminal->terminal();
  return *std::move(made);
}

void SandboxKernel::MakeConsole(const vfs::Path& terminal) {
  sentry::KernelContext context;
  vfs::Path root = container_->mounts->root();
  vfs::StartPoint at{root, root};
  // It may be there; and a container without it (no /dev, or one that is read-only) does as well.
  [[maybe_unused]] auto made = vfs::MakeNode(context, at, "/dev/console", S_IFREG | 0620, 0, 0);
  auto console = vfs::Walk(context, at, "/dev/console", {});
  auto mount = container_->mounts->Clone(terminal, /*recursive=*/false);
  if (!console.ok() || !mount.ok()) return;
  auto attached = container_->mounts->Attach(*mount, *console);
  if (!attached.ok()) RUNSC_WARN("/dev/console: %s", strerror(attached.error().code()));
}

StatusOr<base::RefPtr<sentry::FdTable>> SandboxKernel::MakeFds(std::array<base::UniqueFd, 3> stdio,
                                                               std::vector<GuestFd> passed,
                                                               const GuestTerminal& terminal, uint64_t limit) {
  for (int i = 0; i < 3; ++i) passed.push_back({i, std::move(stdio[i])});
  sentry::KernelContext context;
  auto table = base::MakeRef<sentry::FdTable>();
  for (int i = 0; terminal.slave && i < 3; ++i) {
    auto installed = table->InstallAt(context, base::Fd(i), terminal.slave, false, std::max<uint64_t>(limit, 3));
    if (!installed.ok()) return SystemError(absl::StrCat("descriptor ", i), installed.error().code());
  }
  for (GuestFd& guest : passed) {
    if (!guest.fd) continue;
    auto file =
        vfs::InheritedFile::Create(context, *poller_, std::move(guest.fd), absl::StrCat("host:[", guest.number, "]"));
    if (!file.ok()) return SystemError(absl::StrCat("descriptor ", guest.number), file.error().code());
    auto installed =
        table->InstallAt(context, base::Fd(guest.number), std::move(*file), false, std::max<uint64_t>(limit, 3));
    if (!installed.ok()) return SystemError(absl::StrCat("descriptor ", guest.number), installed.error().code());
  }
  return table;
}

StatusOr<int> SandboxKernel::StartProcess(sentry::Kernel::ProcessArguments arguments,
                                          base::RefPtr<sentry::HostTerminal> terminal, control::ExitCallback exited) {
  // The process may end before StartProcess returns: its end is then kept under a key of its own until the pid is
  // known.
  auto early = std::make_shared<Early>();
  std::string program = arguments.argv.empty() ? "" : arguments.argv[0];
  arguments.exited = [this, early](int status) {
    int pid = 0;
    {
      base::MutexLock lock(early->mutex);
      early->status = status;
      pid = early->pid;
    }
    if (pid != 0) ProcessExited(pid, status);
  };
  auto group = kernel_->StartProcess(std::move(arguments));
  if (!group.ok()) return Failed(ProgramError(program, group.error()));
  int pid = (*group)->pid().value();
  {
    base::MutexLock lock(mutex_);
    outsiders_[pid].status.reset();
    outsiders_[pid].terminal = std::move(terminal);
    if (exited) outsiders_[pid].waiting.push_back(std::move(exited));
    if (first_pid_ == 0) {
      first_pid_ = pid;
      // Those who asked before it was started.
      auto early_waiters = outsiders_.extract(0);
      if (!early_waiters.empty()) {
        for (auto& waiter : early_waiters.mapped().waiting) outsiders_[pid].waiting.push_back(std::move(waiter));
      }
    }
  }
  std::optional<int> status;
  {
    base::MutexLock lock(early->mutex);
    early->pid = pid;
    status = early->status;
  }
  if (status) ProcessExited(pid, *status);
  return pid;
}

void SandboxKernel::ProcessExited(int pid, int status) {
  std::vector<control::ExitCallback> waiting;
  {
    base::MutexLock lock(mutex_);
    Outsider& outsider = outsiders_[pid];
    if (outsider.status) return;
    outsider.status = status;
    outsider.terminal = nullptr;
    waiting.swap(outsider.waiting);
    if (pid != first_pid_) outsiders_.erase(pid);
  }
  for (control::ExitCallback& callback : waiting) callback(status);
  ended_.NotifyAll();
}

int SandboxKernel::WaitForEnd() {
  base::MutexLock lock(mutex_);
  while (true) {
    if (shutdown_) return ExitCode(SIGKILL);
    auto first = outsiders_.find(first_pid_);
    if (first_pid_ != 0 && first != outsiders_.end() && first->second.status) return ExitCode(*first->second.status);
    ended_.Wait(mutex_);
  }
}

Status SandboxKernel::StartRoot() {
  RETURN_IF_ERROR(RunStartHooks());
  return OnFiber([&]() -> Status {
    if (!first_) return WrongState("the container was started before");
    sentry::Kernel::ProcessArguments arguments = std::move(*first_);
    first_.reset();
    GuestTerminal terminal = std::exchange(first_terminal_, {});
    return StartProcess(std::move(arguments), std::move(terminal.terminal), nullptr).status();
  });
}

Status SandboxKernel::Signal(control::SignalTarget target, int pid, int signal) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = SI_USER;
  if (target == control::SignalTarget::kForeground) {
    base::RefPtr<sentry::HostTerminal> terminal;
    {
      base::MutexLock lock(mutex_);
      auto found = outsiders_.find(pid == 0 ? first_pid_ : pid);
      if (found != outsiders_.end()) terminal = found->second.terminal;
    }
    if (terminal) {
      if (signal == SIGWINCH) {
        terminal->Resize();
      } else {
        terminal->terminal()->SignalForeground(signal);
      }
      return absl::OkStatus();
    }
  }
  base::MutexLock lock(kernel_->tree_mutex());
  switch (target) {
    case control::SignalTarget::kForeground:
    case control::SignalTarget::kInit:
    case control::SignalTarget::kProcess: {
      base::RefPtr<sentry::ThreadGroup> group = pid != 0 ? kernel_->FindGroup(base::Pid(pid)) : container_->init;
      if (!group || group->zombie) return NotFound("no such process");
      group->SendSignal(info);
      return absl::OkStatus();
    }
    case control::SignalTarget::kGroup: {
      base::RefPtr<sentry::ProcessGroup> group = kernel_->FindProcessGroup(base::Pid(pid));
      if (!group) return NotFound("no such process group");
      for (sentry::ThreadGroup* member : group->members) member->SendSignal(info);
      return absl::OkStatus();
    }
    case control::SignalTarget::kAll:
      kernel_->ForEachGroup([&](sentry::ThreadGroup& group) {
        if (!group.zombie) group.SendSignal(info);
      });
      return absl::OkStatus();
  }
  return InvalidInput("unknown target of a signal");
}

StatusOr<int> SandboxKernel::Exec(control::ExecRequest request, control::ExitCallback exited) {
  StatusOr<int> pid = Failed("not started");
  Status status = OnFiber([&]() -> Status {
    sentry::Kernel::ProcessArguments arguments = TRY_STATUS(MakeProcess(request.process, *container_));
    GuestTerminal terminal;
    if (HasTerminal(request.process, request.stdio)) terminal = TRY_STATUS(MakeTerminal(request.stdio, arguments));
    arguments.fds = TRY_STATUS(MakeFds(std::move(request.stdio), {}, terminal, arguments.limits[RLIMIT_NOFILE].soft));
    terminal.slave = nullptr;
    pid = StartProcess(std::move(arguments), std::move(terminal.terminal), std::move(exited));
    return pid.status();
  });
  if (!status.ok()) return status;
  return pid;
}

Status SandboxKernel::Wait(int pid, control::ExitCallback exited) {
  std::optional<int> status;
  {
    base::MutexLock lock(mutex_);
    auto found = outsiders_.find(pid == 0 ? first_pid_ : pid);
    if (found == outsiders_.end()) {
      if (pid != 0 || first_pid_ != 0) return NotFound("no such process");
      // Not started yet: kept under the number 0; the first process takes it over.
      found = outsiders_.try_emplace(0).first;
    }
    status = found->second.status;
    if (!status) found->second.waiting.push_back(std::move(exited));
  }
  if (status) exited(*status);
  return absl::OkStatus();
}

std::vector<control::ProcessInfo> SandboxKernel::Processes() {
  std::vector<control::ProcessInfo> list;
  base::MutexLock lock(kernel_->tree_mutex());
  int64_t boot = base::RealtimeNow() - base::MonotonicNow();
  kernel_->ForEachGroup([&](sentry::ThreadGroup& group) {
    control::ProcessInfo info;
    info.pid = group.pid().value();
    info.parent = group.parent != nullptr ? group.parent->pid().value() : 0;
    info.threads = static_cast<int>(group.tasks.size());
    info.start_realtime_ns = group.start_time_ns() + boot;
    if (!group.tasks.empty()) {
      info.command = group.tasks.front()->name();
      if (auto who = group.tasks.front()->SharedCredentials()) info.uid = who->euid.value();
    }
    list.push_back(std::move(info));
  });
  return list;
}

void SandboxKernel::Shutdown() {
  {
    base::MutexLock lock(mutex_);
    shutdown_ = true;
  }
  ended_.NotifyAll();
}

}  // namespace runsc
