// SPDX-License-Identifier: Apache-2.0
#include "runsc/testing/fake_sentry.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "base/condvar.h"
#include "base/mutex.h"
#include "runsc/boot/lockdown.h"
#include "runsc/control/server.h"
#include "runsc/util/files.h"
#include "runsc/util/process.h"

namespace runsc {
namespace {

base::LockClass fake_lock{"FakeSentry::mutex_"};

// What is in the root directory; before the filter is there.
std::string ListRoot() {
  std::string text = "root:";
  DIR* root = opendir("/");
  while (struct dirent* entry = root != nullptr ? readdir(root) : nullptr) text += std::string(" ") + entry->d_name;
  if (root != nullptr) closedir(root);
  return text;
}

std::string Probe(int proc, const std::string& root) {
  std::string text;
  for (const char* name : {"self/status", "self/mountinfo"}) {
    base::UniqueFd fd(openat(proc, name, O_RDONLY));
    StatusOr<std::string> read = ReadAll(fd.get(), 1 << 20, name);
    text += read.ok() ? *read : Message(read.status());
  }
  text += root;
  text += "\nfds:";
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) text += " " + std::to_string(fd);
  }
  return text + "\n";
}

class FakeKernel : public control::SandboxControl {
 public:
  FakeKernel(BootConfig config, Fds& fds, std::string root)
      : config_(std::move(config)), fds_(fds), root_(std::move(root)) {}

  Status StartRoot() override {
    Begin(1, config_.spec.process->args, fds_.stdio[1].get(), {});
    return absl::OkStatus();
  }

  StatusOr<int> Exec(control::ExecRequest request, control::ExitCallback exited) override {
    if (request.process.args[0] == "missing") return Failed("exec: \"missing\": no such file");
    int pid = ++last_pid_;
    Begin(pid, request.process.args, request.stdio[1].get(), std::move(exited));
    return pid;
  }

  Status Signal(control::SignalTarget target, int pid, int signal) override {
    if (target == control::SignalTarget::kInit || target == control::SignalTarget::kForeground) pid = 1;
    if (target == control::SignalTarget::kAll) {
      for (int other : {1, 2, 3}) End(other, signal);
      return absl::OkStatus();
    }
    return End(pid, signal) ? absl::OkStatus() : NotFound("no such process");
  }

  Status Wait(int pid, control::ExitCallback exited) override {
    if (pid == 0) pid = 1;
    base::MutexLock lock(mutex_);
    auto it = running_.find(pid);
    if (it == running_.end()) return NotFound("no such process");
    it->second.push_back(std::move(exited));
    return absl::OkStatus();
  }

  std::vector<control::ProcessInfo> Processes() override {
    std::vector<control::ProcessInfo> processes;
    base::MutexLock lock(mutex_);
    for (const auto& [pid, waiters] : running_) {
      control::ProcessInfo& info = processes.emplace_back();
      info.pid = pid;
      info.command = "fake";
    }
    return processes;
  }

  void Shutdown() override { End(1, SIGKILL); }

  int WaitForEnd() {
    base::MutexLock lock(mutex_);
    while (!ended_) condition_.Wait(mutex_);
    return status_;
  }

 private:
  void Begin(int pid, const std::vector<std::string>& args, int output, control::ExitCallback exited) {
    {
      base::MutexLock lock(mutex_);
      running_[pid];
      if (exited) running_[pid].push_back(std::move(exited));
    }
    std::string argument = args.size() > 1 ? args[1] : "";
    if (args[0] == "sleep") return;
    if (args[0] == "crash") abort();
    if (args[0] == "echo") WriteAll(output, argument + "\n", "output").IgnoreError();
    if (args[0] == "probe") WriteAll(output, Probe(fds_.proc.get(), root_), "output").IgnoreError();
    int number = atoi(argument.c_str());
    if (args[0] == "die") {
      End(pid, number);
    } else {
      End(pid, W_EXITCODE(args[0] == "exit" ? number : 0, 0));
    }
  }

  bool End(int pid, int status) {
    std::vector<control::ExitCallback> waiters;
    {
      base::MutexLock lock(mutex_);
      auto it = running_.find(pid);
      if (it == running_.end()) return false;
      waiters = std::move(it->second);
      running_.erase(it);
      if (pid == 1) {
        ended_ = true;
        status_ = status;
        condition_.NotifyAll();
      }
    }
    for (const control::ExitCallback& waiter : waiters) waiter(status);
    return true;
  }

  const BootConfig config_;
  Fds& fds_;
  const std::string root_;
  int last_pid_ = 1;
  base::Mutex mutex_{fake_lock};
  base::CondVar condition_;
  std::map<int, std::vector<control::ExitCallback>> running_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  int status_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

int FakeSentry(BootConfig config, Fds fds) {
  const std::vector<std::string>& args = config.spec.process->args;
  if (args[0] == "refuse") {
    fds.runsc.Fail(args[1]);
    return 1;
  }
  bool allow_own_uid = config.allow_own_uid;
  std::string root = ListRoot();
  Status status = LockDown(config.settings);
  FakeKernel kernel(std::move(config), fds, std::move(root));
  std::unique_ptr<control::Server> server;
  if (status.ok()) {
    StatusOr<std::unique_ptr<control::Server>> created =
        control::Server::Create(std::move(fds.control), fds.gofer.get(), allow_own_uid, kernel);
    status = created.status();
    if (status.ok()) server = std::move(*created);
  }
  if (status.ok()) status = server->Start();
  if (!status.ok()) {
    fds.runsc.Fail(Message(status));
    return 1;
  }
  if (!fds.runsc.Ready().ok()) return 1;
  int wait_status = kernel.WaitForEnd();
  server->Finish();
  return ExitCode(wait_status);
}

}  // namespace runsc
