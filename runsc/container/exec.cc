// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/exec.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "runsc/container/console.h"
#include "runsc/container/saved_terminal.h"
#include "runsc/container/signals.h"
#include "runsc/control/client.h"
#include "runsc/spec/write.h"
#include "runsc/state/state.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr int kKilled = 128 + SIGKILL;

// Until the process has ended: its exit code.
StatusOr<int> WaitForExec(control::Client& client, int pid, int signals, bool terminal) {
  for (;;) {
    struct pollfd poll_fds[2] = {{client.fd(), POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(poll_fds, 2, -1) < 0 && errno != EINTR) return SystemError("poll");
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
      int signal = static_cast<int>(info.ssi_signo);
      control::SignalTarget target = TargetOfSignal(signal, terminal);
      if (target == control::SignalTarget::kInit) target = control::SignalTarget::kProcess;
      client.SendSignal(target, pid, signal).IgnoreError();
    }
    if (poll_fds[0].revents == 0) continue;
    StatusOr<int> status = client.WaitExited();
    // Without an answer the sandbox has died, and the process with it.
    if (!status.ok()) return kKilled;
    if (*status >= 0) return ExitCode(*status);
  }
}

Status WritePidFile(const std::string& path, int pid, const char* flag) {
  if (path.empty()) return absl::OkStatus();
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return Annotate(ReplaceFile(directory, name, std::to_string(pid), 0644), flag);
}

// The process that stays behind for a detached exec: holds nothing but the connection and the signals.
// `console`: the host's terminal of the process, or -1. As this process's controlling terminal it tells of its size.
[[noreturn]] void RunWaiter(control::Client& client, int pid, int signals, int console) {
  setsid();
  bool terminal = console >= 0 && ioctl(console, TIOCSCTTY, 0) == 0;
  prctl(PR_SET_NAME, "runsc-exec");
  if (chdir("/") != 0) _exit(1);
  base::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) dup2(null.get(), fd);
  int low = std::min(client.fd(), signals);
  int high = std::max(client.fd(), signals);
  if (low > 3) close_range(3, static_cast<unsigned>(low - 1), 0);
  if (high > low + 1) close_range(static_cast<unsigned>(low + 1), static_cast<unsigned>(high - 1), 0);
  close_range(static_cast<unsigned>(high + 1), ~0U, 0);
  StatusOr<int> code = WaitForExec(client, pid, signals, terminal);
  _exit(code.ok() ? *code : kKilled);
}

}  // namespace

StatusOr<int> ExecInContainer(const ExecOptions& options, const Settings& settings) {
  ContainerState state = TRY_STATUS(ReadState(settings.root, options.id));
  if (state.status != ContainerStatus::kRunning) {
    return WrongState("cannot exec in container \"" + options.id + "\" in state " +
                      std::string(StatusName(state.status)));
  }
  base::UniqueFd signals = TRY_STATUS(BlockForwardedSignals());
  control::Client client = TRY_STATUS(control::Client::Connect(ContainerDirectory(settings.root, options.id)));
  std::array<int, 3> stdio = {0, 1, 2};
  base::UniqueFd console;
  if (!options.console_socket.empty()) {
    if (!options.process.terminal) return InvalidInput("--console-socket: the process has no terminal");
    console = TRY_STATUS(MakeConsole(options.console_socket, options.process.console_size));
    stdio = {console.get(), console.get(), console.get()};
  } else if (options.process.terminal && options.detach) {
    return InvalidInput("a detached process with a terminal needs --console-socket");
  }
  SavedTerminal saved(options.process.terminal && !console);
  int pid = TRY_STATUS(client.Exec(spec::ProcessToJson(options.process), stdio, static_cast<bool>(console)));
  RETURN_IF_ERROR(WritePidFile(options.internal_pid_file, pid, "--internal-pid-file"));
  if (!options.detach) {
    RETURN_IF_ERROR(WritePidFile(options.pid_file, getpid(), "--pid-file"));
    return WaitForExec(client, pid, signals.get(), options.process.terminal);
  }
  pid_t waiter = fork();
  if (waiter < 0) return SystemError("fork");
  if (waiter == 0) RunWaiter(client, pid, signals.get(), console.get());
  RETURN_IF_ERROR(WritePidFile(options.pid_file, waiter, "--pid-file"));
  return 0;
}

}  // namespace runsc
