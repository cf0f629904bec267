// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "runsc/boot/process_setup.h"
#include "runsc/boot/sandbox_kernel.h"
#include "runsc/state/state.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

// How much of a hook's output a message repeats.
constexpr size_t kMaxOutput = 4096;
constexpr int64_t kSecond = 1'000'000'000;

constinit base::LockClass kHookEndLock{"StartHook::End"};
struct HookEnd {
  base::Mutex mutex{kHookEndLock};
  base::CondVar ended;
  std::optional<int> status ABSL_GUARDED_BY(mutex);
};

// Empty: it did not end within the time.
std::optional<int> WaitForHook(HookEnd& end, const std::optional<int32_t>& timeout_seconds) {
  int64_t deadline = timeout_seconds ? base::MonotonicNow() + *timeout_seconds * kSecond : 0;
  base::MutexLock lock(end.mutex);
  while (!end.status) {
    if (!timeout_seconds) {
      end.ended.Wait(end.mutex);
    } else if (!end.ended.WaitUntil(end.mutex, deadline)) {
      break;
    }
  }
  return end.status;
}

std::string Output(int fd) {
  std::string text(kMaxOutput, '\0');
  ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? text : ": " + text;
}

// What the container may have at most: hooks belong to whoever made the container, not to its user.
spec::Process HookProcess(const spec::Hook& hook, const spec::Process& first) {
  spec::Process process;
  process.args = hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
  process.args[0] = hook.path;
  process.env = hook.env;
  process.cwd = "/";
  if (first.capabilities) {
    uint64_t all = first.capabilities->bounding;
    process.capabilities = spec::Capabilities{all, all, 0, all, 0};
  }
  return process;
}

}  // namespace

Status SandboxKernel::RunStartHooks() {
  const std::vector<spec::Hook>& hooks = config_.spec.hooks.start_container;
  if (hooks.empty()) return absl::OkStatus();
  ContainerState state;
  state.id = config_.id;
  state.bundle = config_.bundle;
  state.oci_version = config_.spec.oci_version;
  state.annotations = config_.spec.annotations;
  state.status = ContainerStatus::kCreated;
  state.sandbox.pid = 1;  // As the hook sees it.
  std::string json = PublicStateJson(state, false);
  for (size_t i = 0; i < hooks.size(); ++i) {
    Status status = RunStartHook(hooks[i], json);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat(config_.spec_name, ": hooks.startContainer[", i, "]: ", hooks[i].path));
    }
  }
  return absl::OkStatus();
}

Status SandboxKernel::RunStartHook(const spec::Hook& hook, const std::string& state) {
  base::UniqueFd input = TRY_STATUS(SealedFile("runsc-hook-state", state));
  base::UniqueFd output(memfd_create("runsc-hook-output", MFD_CLOEXEC));
  if (!output) return SystemError("memfd_create");
  base::UniqueFd reader = TRY_STATUS(Duplicate(output.get()));
  base::UniqueFd error = TRY_STATUS(Duplicate(output.get()));
  auto end = std::make_shared<HookEnd>();
  base::RefPtr<sentry::ThreadGroup> group;
  RETURN_IF_ERROR(OnFiber([&]() -> Status {
    sentry::Kernel::ProcessArguments arguments =
        TRY_STATUS(MakeProcess(HookProcess(hook, *config_.spec.process), *container_));
    std::array<base::UniqueFd, 3> stdio = {std::move(input), std::move(output), std::move(error)};
    arguments.fds = TRY_STATUS(MakeFds(std::move(stdio), {}, GuestTerminal(), arguments.limits[RLIMIT_NOFILE].soft));
    arguments.exited = [end](int status) {
      base::MutexLock lock(end->mutex);
      end->status = status;
      end->ended.NotifyAll();
    };
    auto started = kernel_->StartProcess(std::move(arguments));
    if (!started.ok()) return SystemError("cannot be run", started.error().code());
    group = *started;
    return absl::OkStatus();
  }));
  std::optional<int> status = WaitForHook(*end, hook.timeout_seconds);
  if (!status) {
    base::abi::Siginfo info;
    info.signo = SIGKILL;
    info.code = SI_USER;
    base::MutexLock lock(kernel_->tree_mutex());
    if (!group->zombie) group->SendSignal(info);
    return Failed(absl::StrCat("took longer than ", *hook.timeout_seconds, " s and was killed"));
  }
  if (*status == 0) return absl::OkStatus();
  std::string how = WIFSIGNALED(*status) ? absl::StrCat("was killed by signal ", WTERMSIG(*status))
                                         : absl::StrCat("exited with ", WEXITSTATUS(*status));
  return Failed(how + Output(reader.get()));
}

}  // namespace runsc
