// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/create.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/clock.h"
#include "runsc/container/console.h"
#include "runsc/control/client.h"
#include "runsc/sandbox/hooks.h"
#include "runsc/util/files.h"
#include "runsc/util/log.h"

namespace runsc {
namespace {

StatusOr<std::string> AbsoluteBundle(const std::string& bundle) {
  char resolved[PATH_MAX];
  if (realpath(bundle.c_str(), resolved) == nullptr) return SystemError("--bundle: " + bundle);
  return std::string(resolved);
}

StatusOr<std::vector<std::pair<int, int>>> PreservedFds(int count) {
  constexpr int kFirst = 3;
  std::vector<std::pair<int, int>> fds;
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) return SystemError("--preserve-fds: descriptor " + std::to_string(fd));
    fds.emplace_back(fd, fd);
  }
  return fds;
}

}  // namespace

StatusOr<CreatedContainer> CreatedContainer::Create(CreateOptions options, Settings settings) {
  RETURN_IF_ERROR(CheckContainerId(options.id));
  CreatedContainer created;
  created.settings_ = std::move(settings);
  options.bundle = TRY_STATUS(AbsoluteBundle(options.bundle));
  created.loaded_ = options.spec ? std::move(*options.spec) : TRY_STATUS(spec::LoadSpec(options.bundle));
  RETURN_IF_ERROR(Annotate(SetFlagsFromAnnotations(created.loaded_.spec.annotations), created.loaded_.path));
  created.settings_ = CurrentSettings();
  created.container_ =
      std::make_unique<LockedContainer>(TRY_STATUS(LockedContainer::Create(created.settings_.root, options.id)));
  RETURN_IF_ERROR(created.Start(std::move(options)));
  return created;
}

Status CreatedContainer::Start(CreateOptions options) {
  const spec::Hooks& hooks = loaded_.spec.hooks;
  SandboxOptions sandbox;
  RETURN_IF_ERROR(SetConsole(options, &sandbox));
  sandbox.passed_fds = TRY_STATUS(PreservedFds(options.preserve_fds));

  ContainerState& state = container_->state();
  state.bundle = options.bundle;
  state.oci_version = loaded_.spec.oci_version;
  state.created_ns = base::RealtimeNow();
  state.owner = std::to_string(getuid());
  state.annotations = loaded_.spec.annotations;
  RETURN_IF_ERROR(container_->SaveConfig(loaded_.text));
  RETURN_IF_ERROR(container_->Save());
  RETURN_IF_ERROR(Annotate(SetCgroup(), loaded_.path));

  sandbox.id = options.id;
  sandbox.bundle = options.bundle;
  sandbox.spec = &loaded_;
  sandbox.settings = settings_;
  sandbox.control = TRY_STATUS(control::Listen(container_->directory()));
  sandbox.log_to_stderr = options.attached;
  sandbox.run_create_container_hooks = !hooks.create_container.empty();
  sandbox.gofer_after_hooks =
      sandbox.run_create_container_hooks || !hooks.prestart.empty() || !hooks.create_runtime.empty();
  sandbox.sandbox_spawned = [this](pid_t pid) {
    if (cgroup_) {
      RETURN_IF_ERROR(cgroup_->Add(pid));
      RETURN_IF_ERROR(cgroup_->AddGuest(pid));
    }
    return RunRuntimeHooks(pid);
  };
  sandbox.gofer_spawned = [this](pid_t pid) { return cgroup_ ? cgroup_->Add(pid) : absl::OkStatus(); };
  sandbox_ = std::make_unique<Sandbox>(TRY_STATUS(Sandbox::Start(std::move(sandbox))));
  pid_file_ = std::move(options.pid_file);
  return absl::OkStatus();
}

Status CreatedContainer::SetConsole(const CreateOptions& options, SandboxOptions* sandbox) {
  const spec::Process& process = *loaded_.spec.process;
  if (!options.console_socket.empty()) {
    if (!process.terminal) return InvalidInput("--console-socket: " + loaded_.path + ": process.terminal is not true");
    console_ = TRY_STATUS(MakeConsole(options.console_socket, process.console_size));
    sandbox->stdio = {console_.get(), console_.get(), console_.get()};
    sandbox->terminal = true;
  } else if (process.terminal && !options.attached) {
    return InvalidInput(loaded_.path + ": process.terminal: a container that is not attached needs --console-socket");
  }
  return absl::OkStatus();
}

Status CreatedContainer::SetCgroup() {
  const spec::Linux& config = loaded_.spec.linux_config;
  if (settings_.ignore_cgroups) return absl::OkStatus();
  CgroupHost host;
  std::string path = config.cgroups_path;
  if (path.empty()) {
    // Limits are kept wherever the container is put.
    if (CgroupSettings(config.resources, false).empty() && config.resources.unified.empty()) return absl::OkStatus();
    path = "/runsc/" + container_->state().id;
  } else {
    path = TRY_STATUS(CgroupPath(path, settings_.systemd_cgroup));
  }
  host = TRY_STATUS(CgroupHost::Find());
  StatusOr<Cgroup> cgroup = Cgroup::Create(host, path, config.resources);
  if (!cgroup.ok() && settings_.rootless) {
    // Without delegation the host's cgroups are not ours to make.
    ReportWarning(settings_, "running without a cgroup: " + Message(cgroup.status()));
    return absl::OkStatus();
  }
  cgroup_ = TRY_STATUS(std::move(cgroup));
  cgroup_cleaner_ = TRY_STATUS(CgroupCleaner::Start(*cgroup_));
  container_->state().cgroups = cgroup_->made();
  container_->state().guest_cgroup = cgroup_->guest();
  return container_->Save();
}

Status CreatedContainer::RunRuntimeHooks(pid_t sandbox) {
  const spec::Hooks& hooks = loaded_.spec.hooks;
  ContainerState state = container_->state();
  state.sandbox.pid = sandbox;
  std::string json = PublicStateJson(state, false);
  RETURN_IF_ERROR(Annotate(RunHooks(hooks.prestart, "hooks.prestart", state.bundle, json), loaded_.path));
  return Annotate(RunHooks(hooks.create_runtime, "hooks.createRuntime", state.bundle, json), loaded_.path);
}

Status CreatedContainer::Keep(bool attached) {
  ContainerState& state = container_->state();
  // Its zygotes are there by now, and stay where the guests are.
  if (cgroup_) RETURN_IF_ERROR(cgroup_->LeaveGuest(sandbox_->sentry().pid));
  state.sandbox = sandbox_->sentry();
  state.gofer = sandbox_->gofer();
  state.status = ContainerStatus::kCreated;
  RETURN_IF_ERROR(container_->Save());
  if (!pid_file_.empty()) {
    size_t slash = pid_file_.rfind('/');
    std::string directory = slash == std::string::npos ? "." : pid_file_.substr(0, slash);
    std::string name = slash == std::string::npos ? pid_file_ : pid_file_.substr(slash + 1);
    RETURN_IF_ERROR(Annotate(ReplaceFile(directory, name, std::to_string(state.sandbox.pid), 0644), "--pid-file"));
  }
  RETURN_IF_ERROR(sandbox_->Release(attached));
  if (!attached) cgroup_cleaner_.Dismiss();
  return absl::OkStatus();
}

CreatedContainer::~CreatedContainer() { Undo(); }

void CreatedContainer::Undo() {
  bool kept = sandbox_ && sandbox_->released();
  if (!container_ || kept) return;
  sandbox_.reset();
  if (cgroup_) Cgroup::Remove(cgroup_->made()).IgnoreError();
  if (!pid_file_.empty()) unlink(pid_file_.c_str());
  container_->Remove().IgnoreError();
}

}  // namespace runsc
