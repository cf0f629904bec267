// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/run.h"

#include "runsc/container/saved_terminal.h"
#include "runsc/container/signals.h"

namespace runsc {

StatusOr<int> RunContainer(CreateOptions options, const Settings& settings) {
  bool attached = options.attached;
  // From here on signals wait until the container can get them.
  base::UniqueFd signals;
  if (attached) signals = TRY_STATUS(BlockForwardedSignals());
  CreatedContainer created = TRY_STATUS(CreatedContainer::Create(std::move(options), settings));
  RETURN_IF_ERROR(created.Keep(attached));
  LockedContainer& container = created.container();
  SavedTerminal saved(attached && created.spec().process->terminal);
  Status started = StartContainer(container, settings);
  if (!started.ok()) {
    created.sandbox().KillAndReap();
    DestroyContainer(std::move(container), settings).IgnoreError();
    return started;
  }
  if (!attached) return 0;
  std::string id = container.state().id;
  std::string directory = container.directory();
  container.Unlock();
  bool terminal = created.spec().process->terminal;
  StatusOr<int> code = WaitAttached(created.sandbox(), directory, terminal);
  StatusOr<LockedContainer> ended = LockedContainer::Load(settings.root, id);
  // Somebody else may have deleted it meanwhile.
  if (ended.ok()) RETURN_IF_ERROR(DestroyContainer(std::move(*ended), settings));
  return code;
}

}  // namespace runsc
