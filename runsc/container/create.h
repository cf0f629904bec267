// SPDX-License-Identifier: Apache-2.0
// The life of a container as runsc sees it, above sandbox/ (processes) and state/ (files).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runsc/sandbox/cgroup.h"
#include "runsc/sandbox/cgroup_cleaner.h"
#include "runsc/sandbox/sandbox.h"
#include "runsc/state/state.h"

namespace runsc {

struct CreateOptions {
  std::string id;
  std::string bundle = ".";
  std::string pid_file;
  std::string console_socket;
  int preserve_fds = 0;   // Descriptors 3 to 3 + n - 1 are passed on.
  bool attached = false;  // The container dies with this process, and shares its standard error for the logs.
  // A configuration that is in no file (runsc do); otherwise the bundle's config.json is read.
  std::optional<spec::LoadedSpec> spec;
};

// A container that is created and not started yet. While it is not kept, the destructor undoes everything.
class CreatedContainer {
 public:
  static StatusOr<CreatedContainer> Create(CreateOptions options, Settings settings);
  ~CreatedContainer();
  CreatedContainer(CreatedContainer&&) = default;
  CreatedContainer& operator=(CreatedContainer&&) = delete;

  // Writes the state and the pid file, and lets the processes go on. From here on only Destroy ends the container.
  Status Keep(bool attached);

  Sandbox& sandbox() { return *sandbox_; }
  LockedContainer& container() { return *container_; }
  const spec::Spec& spec() const { return loaded_.spec; }

 private:
  CreatedContainer() = default;
  Status Start(CreateOptions options);
  Status SetConsole(const CreateOptions& options, SandboxOptions* sandbox);
  Status SetCgroup();
  // Before the gofer, with the sandbox's namespaces there: prestart and createRuntime.
  Status RunRuntimeHooks(pid_t sandbox);
  void Undo();

  Settings settings_;
  std::string pid_file_;
  spec::LoadedSpec loaded_;
  base::UniqueFd console_;
  std::optional<Cgroup> cgroup_;
  CgroupCleaner cgroup_cleaner_;
  // Null when moved from, or not made yet.
  std::unique_ptr<LockedContainer> container_;
  std::unique_ptr<Sandbox> sandbox_;
};

// Lets a created container's first process begin; runs its poststart hooks. Releases the lock meanwhile.
Status StartContainer(LockedContainer& container, const Settings& settings);

// Ends the sandbox if it lives, runs the poststop hooks, removes the cgroups and the state. Goes on after errors;
// returns the first one.
Status DestroyContainer(LockedContainer container, const Settings& settings);

// Waits for a started container that is a child of ours, passing signals on to it. Its exit code.
StatusOr<int> WaitAttached(Sandbox& sandbox, const std::string& directory, bool terminal);

}  // namespace runsc
