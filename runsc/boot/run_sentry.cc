// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/log.h"
#include "platform/ptrace/ptrace.h"
#include "platform/systrap/systrap.h"
#include "runsc/boot/boot.h"
#include "runsc/boot/lockdown.h"
#include "runsc/boot/sandbox_kernel.h"
#include "runsc/control/server.h"

namespace runsc {
namespace {

constexpr int kFailed = 128;

// Has this process told when the host's terminal of the first process changes its size: a signalfd of SIGWINCH. Empty
// when it cannot be, because the terminal is somebody else's (runsc's, which tells then). Of one terminal only can a
// process be told; those of exec have their waiters. Before all threads, so that all have the signal blocked, and
// before the filters.
base::UniqueFd FollowTerminal(int terminal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  if (ioctl(terminal, TIOCSCTTY, 0) != 0 || pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return base::UniqueFd();
  return base::UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

base::Result<std::unique_ptr<platform::Platform>> PreparePlatform(const std::string& name, int proc,
                                                                  int oom_score_adj) {
  platform::Platform::Options options;
  options.proc_fd = proc;
  options.oom_score_adj = oom_score_adj;
  if (name == "ptrace") return std::unique_ptr<platform::Platform>(TRY(platform::ptrace::Ptrace::Prepare(options)));
  return std::unique_ptr<platform::Platform>(TRY(platform::systrap::Systrap::Prepare(options)));
}

}  // namespace

int RunSentry(BootConfig config, Fds fds) {
  if (config.spec.process && config.spec.process->terminal) fds.resized = FollowTerminal(fds.stdio[0].get());
  // Our own score is not for guests to inherit: they are whom the host is to kill.
  int oom_score_adj = config.spec.process ? config.spec.process->oom_score_adj.value_or(0) : 0;
  auto platform = PreparePlatform(config.settings.platform, fds.proc.get(), oom_score_adj);
  if (!platform.ok()) {
    fds.runsc.Fail(Message(
        SystemError("cannot prepare the platform \"" + config.settings.platform + "\"", platform.error().code())));
    return kFailed;
  }
  bool allow_own_uid = config.allow_own_uid;
  Status status = LockDown(config.settings);
  if (!status.ok()) {
    fds.runsc.Fail(Message(status));
    return kFailed;
  }
  // Watched for hang-up beside the client that uses it.
  base::UniqueFd gofer(dup(fds.gofer.get()));
  // Neither is ever destroyed: the process ends with the sandbox, and its pid namespace with it.
  auto& sandbox = *new SandboxKernel(std::move(config), *platform->release());
  status = sandbox.Prepare(fds);
  if (!status.ok()) {
    fds.runsc.Fail(Message(status));
    _exit(kFailed);
  }
  auto server = control::Server::Create(std::move(fds.control), gofer.get(), allow_own_uid, sandbox);
  status = server.status();
  if (status.ok()) status = (*server)->Start();
  if (status.ok()) status = fds.runsc.Ready().status();
  if (!status.ok()) {
    fds.runsc.Fail(Message(status));
    _exit(kFailed);
  }
  int code = sandbox.WaitForEnd();
  (*server)->Finish();
  _exit(code);
}

}  // namespace runsc
