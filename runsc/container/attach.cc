// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runsc/container/create.h"
#include "runsc/container/signals.h"
#include "runsc/control/client.h"
#include "runsc/util/log.h"

namespace runsc {

sigset_t ForwardedSignals() {
  sigset_t set;
  sigfillset(&set);
  // Ours, or of no meaning to the container: the end of a child, a closed pipe, our own stops and faults.
  for (int signal : {SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) {
    sigdelset(&set, signal);
  }
  return set;
}

StatusOr<base::UniqueFd> BlockForwardedSignals() {
  sigset_t set = ForwardedSignals();
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return SystemError("sigprocmask");
  base::UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return SystemError("signalfd");
  return fd;
}

control::SignalTarget TargetOfSignal(int signal, bool terminal) {
  // What the terminal's driver would have sent to the foreground process group, had the terminal been the guest's.
  bool from_terminal = signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP || signal == SIGWINCH;
  return terminal && from_terminal ? control::SignalTarget::kForeground : control::SignalTarget::kInit;
}

StatusOr<int> WaitAttached(Sandbox& sandbox, const std::string& directory, bool terminal) {
  base::UniqueFd signals = TRY_STATUS(BlockForwardedSignals());
  StatusOr<control::Client> client = control::Client::Connect(directory);
  for (;;) {
    struct pollfd poll_fds[2] = {{sandbox.sentry_pidfd(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
    if (poll(poll_fds, 2, -1) < 0 && errno != EINTR) return SystemError("poll");
    if (poll_fds[0].revents != 0) break;
    struct signalfd_siginfo info;
    while (read(signals.get(), &info, sizeof(info)) == sizeof(info)) {
      int signal = static_cast<int>(info.ssi_signo);
      // Fails when the sandbox is just ending, which the next round sees.
      if (client.ok()) client->SendSignal(TargetOfSignal(signal, terminal), 0, signal).IgnoreError();
    }
  }
  int status = sandbox.Wait();
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    ReportWarning(CurrentSettings(),
                  "the sandbox made a system call of the host that it may not make, and was killed; "
                  "with --debug its log names the call");
  }
  return ExitCode(status);
}

}  // namespace runsc
