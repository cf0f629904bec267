// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/hooks.h"

#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "runsc/util/files.h"
#include "runsc/util/process.h"

namespace runsc {
namespace {

// How much of a hook's output a message repeats.
constexpr size_t kMaxOutput = 4096;
constexpr int kMillisecondsPerSecond = 1000;
constexpr int kMaxTimeoutSeconds = INT32_MAX / kMillisecondsPerSecond;

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

StatusOr<pid_t> Spawn(const spec::Hook& hook, const std::string& bundle, int input, int output) {
  const std::vector<std::string> path_alone = {hook.path};
  std::vector<char*> arguments = Pointers(hook.args.empty() ? path_alone : hook.args);
  std::vector<char*> environment = Pointers(hook.env);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawn_file_actions_addchdir_np(&actions, bundle.c_str());
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  int error = posix_spawn(&pid, hook.path.c_str(), &actions, &attributes, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return SystemError("cannot be run", error);
  return pid;
}

// The wait status, or an error when it took too long.
StatusOr<int> WaitWithTimeout(pid_t pid, const std::optional<int32_t>& timeout_seconds) {
  base::UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return SystemError("pidfd_open");
  int timeout = timeout_seconds ? std::min(*timeout_seconds, kMaxTimeoutSeconds) * kMillisecondsPerSecond : -1;
  struct pollfd poll_fd = {pidfd.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&poll_fd, 1, timeout);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    kill(pid, SIGKILL);
    WaitForChild(pid);
    return Failed("took longer than " + std::to_string(*timeout_seconds) + " s and was killed");
  }
  return WaitForChild(pid);
}

Status RunHook(const spec::Hook& hook, const std::string& bundle, const std::string& state) {
  base::UniqueFd input = TRY_STATUS(SealedFile("runsc-hook-state", state));
  base::UniqueFd output(memfd_create("runsc-hook-output", MFD_CLOEXEC));
  if (!output) return SystemError("memfd_create");
  pid_t pid = TRY_STATUS(Spawn(hook, bundle, input.get(), output.get()));
  int wait_status = TRY_STATUS(WaitWithTimeout(pid, hook.timeout_seconds));
  if (wait_status == 0) return absl::OkStatus();
  std::string text(kMaxOutput, '\0');
  ssize_t got = pread(output.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string how = WIFSIGNALED(wait_status) ? "was killed by signal " + std::to_string(WTERMSIG(wait_status))
                                             : "exited with " + std::to_string(WEXITSTATUS(wait_status));
  return Failed(how + (text.empty() ? "" : ": " + text));
}

}  // namespace

Status RunHooks(const std::vector<spec::Hook>& hooks, const std::string& name, const std::string& bundle,
                const std::string& state) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    Status status = RunHook(hooks[i], bundle, state);
    if (!status.ok()) return Annotate(status, name + "[" + std::to_string(i) + "]: " + hooks[i].path);
  }
  return absl::OkStatus();
}

}  // namespace runsc
