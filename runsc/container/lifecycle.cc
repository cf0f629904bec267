// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/create.h"
#include "runsc/control/client.h"
#include "runsc/sandbox/cgroup.h"
#include "runsc/sandbox/hooks.h"
#include "runsc/util/log.h"

namespace runsc {
namespace {

// How long a killed sandbox may take to die: the kernel has to end each of its processes.
constexpr int kDeathTimeoutMs = 10'000;

// Hooks whose failure changes nothing any more: it is told as a warning.
void RunLateHooks(const LockedContainer& container, const Settings& settings,
                  std::vector<spec::Hook> spec::Hooks::*list, const std::string& name) {
  const ContainerState& state = container.state();
  StatusOr<spec::LoadedSpec> loaded = ReadSavedConfig(settings.root, state.id);
  if (!loaded.ok()) return;
  const std::vector<spec::Hook>& hooks = loaded->spec.hooks.*list;
  // Each by itself: one that fails does not keep the others from running.
  for (const spec::Hook& hook : hooks) {
    Status status = RunHooks({hook}, name, state.bundle, PublicStateJson(state, false));
    if (!status.ok()) ReportWarning(settings, Message(status));
  }
}

}  // namespace

Status StartContainer(LockedContainer& container, const Settings& settings) {
  control::Client client = TRY_STATUS(control::Client::Connect(container.directory()));
  Status started = client.Start();
  if (!started.ok()) {
    // It is of no more use: what had to run first has run, and would run again.
    KillAndWait(container.state().sandbox, kDeathTimeoutMs).IgnoreError();
    return started;
  }
  container.state().status = ContainerStatus::kRunning;
  RETURN_IF_ERROR(container.Save());
  RunLateHooks(container, settings, &spec::Hooks::poststart, "hooks.poststart");
  return absl::OkStatus();
}

Status DestroyContainer(LockedContainer container, const Settings& settings) {
  ContainerState& state = container.state();
  // On version 1 a frozen process does not even die.
  if (!state.guest_cgroup.empty()) Cgroup::Thaw(state.guest_cgroup).IgnoreError();
  Status result = KillAndWait(state.sandbox, kDeathTimeoutMs);
  result.Update(KillAndWait(state.gofer, kDeathTimeoutMs));
  state.status = ContainerStatus::kStopped;
  RunLateHooks(container, settings, &spec::Hooks::poststop, "hooks.poststop");
  result.Update(Cgroup::Remove(state.cgroups));
  result.Update(container.Remove());
  return result;
}

}  // namespace runsc
