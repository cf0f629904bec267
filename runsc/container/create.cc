// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/create.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/clock.h"
#include "runsc/control/client.h"
#include "runsc/util/files.h"

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
  ContainerState& state = container_->state();
  state.bundle = options.bundle;
  state.oci_version = loaded_.spec.oci_version;
  state.created_ns = base::RealtimeNow();
  state.owner = std::to_string(getuid());
  state.annotations = loaded_.spec.annotations;
  RETURN_IF_ERROR(container_->SaveConfig(loaded_.text));
  RETURN_IF_ERROR(container_->Save());

  SandboxOptions sandbox;
  sandbox.id = options.id;
  sandbox.bundle = options.bundle;
  sandbox.spec = &loaded_;
  sandbox.settings = settings_;
  sandbox.control = TRY_STATUS(control::Listen(container_->directory()));
  sandbox.log_to_stderr = options.attached;
  sandbox.passed_fds = TRY_STATUS(PreservedFds(options.preserve_fds));
  sandbox_ = std::make_unique<Sandbox>(TRY_STATUS(Sandbox::Start(std::move(sandbox))));
  pid_file_ = std::move(options.pid_file);
  return absl::OkStatus();
}

Status CreatedContainer::Keep(bool attached) {
  ContainerState& state = container_->state();
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
  return sandbox_->Release(attached);
}

CreatedContainer::~CreatedContainer() { Undo(); }

void CreatedContainer::Undo() {
  bool kept = sandbox_ && sandbox_->released();
  if (!container_ || kept) return;
  sandbox_.reset();
  if (!pid_file_.empty()) unlink(pid_file_.c_str());
  container_->Remove().IgnoreError();
}

}  // namespace runsc
