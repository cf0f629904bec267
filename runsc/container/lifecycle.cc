// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/create.h"
#include "runsc/control/client.h"

namespace runsc {
namespace {

// How long a killed sandbox may take to die: the kernel has to end each of its processes.
constexpr int kDeathTimeoutMs = 10'000;

}  // namespace

Status StartContainer(LockedContainer& container, const Settings&) {
  control::Client client = TRY_STATUS(control::Client::Connect(container.directory()));
  RETURN_IF_ERROR(client.Start());
  container.state().status = ContainerStatus::kRunning;
  return container.Save();
}

Status DestroyContainer(LockedContainer container, const Settings&) {
  Status result = KillAndWait(container.state().sandbox, kDeathTimeoutMs);
  result.Update(KillAndWait(container.state().gofer, kDeathTimeoutMs));
  result.Update(container.Remove());
  return result;
}

}  // namespace runsc
