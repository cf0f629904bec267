// SPDX-License-Identifier: Apache-2.0
// What runsc remembers about containers: a directory per container under --root, holding
//   config.json  the configuration it was created with (the bundle may change or go)
//   state.json   replaced as a whole at each change
//   lock         flock'ed by whoever reads to change; its removal is what makes the container cease to exist
//   control      the sandbox's socket
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/spec/parse.h"
#include "runsc/util/process.h"
#include "runsc/util/status.h"

namespace runsc {

enum class ContainerStatus { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view StatusName(ContainerStatus status);

struct ContainerState {
  std::string id;
  std::string bundle;  // Absolute.
  std::string oci_version;
  ContainerStatus status = ContainerStatus::kCreating;  // As last written: Load corrects it.
  ProcessId sandbox;
  ProcessId gofer;
  int64_t created_ns = 0;  // CLOCK_REALTIME
  std::string owner;       // User name or number of whoever created it.
  std::map<std::string, std::string> annotations;
  std::vector<std::string> cgroups;  // Directories to remove.
  std::string guest_cgroup;          // The one that `pause` freezes; empty if there is none.
};

// The state as `runsc state` prints it and hooks get it: ociVersion, id, status, pid, bundle, annotations (and more).
std::string PublicStateJson(const ContainerState& state, bool indent);

// "invalid container id ..." unless it is made of letters, digits, '_', '+', '-', '.', and is not "." or "..", and fits
// a file name.
Status CheckContainerId(std::string_view id);

// A container whose lock is held by this object.
class LockedContainer {
 public:
  // Makes the container's directory; kInvalidArgument if there is one. Its state is not saved yet.
  static StatusOr<LockedContainer> Create(const std::string& root, const std::string& id);
  // Waits for the lock and reads the state. kNotFound if there is no such container.
  // A container whose sandbox is gone is kStopped, whatever was written.
  static StatusOr<LockedContainer> Load(const std::string& root, const std::string& id);

  LockedContainer(LockedContainer&&) = default;
  LockedContainer& operator=(LockedContainer&&) = default;

  ContainerState& state() { return state_; }
  const ContainerState& state() const { return state_; }
  const std::string& directory() const { return directory_; }

  Status Save();
  Status SaveConfig(std::string_view text);
  // Removes everything of the container under --root. The object is of no more use.
  Status Remove();
  void Unlock() { lock_.Reset(); }

 private:
  LockedContainer() = default;

  std::string directory_;
  base::UniqueFd lock_;
  ContainerState state_;
};

// The state without the lock: for looking only.
StatusOr<ContainerState> ReadState(const std::string& root, const std::string& id);
// Ids of all containers under `root`, sorted. Empty if there is no such directory.
StatusOr<std::vector<std::string>> ListContainers(const std::string& root);

// The configuration that a container was created with.
StatusOr<spec::LoadedSpec> ReadSavedConfig(const std::string& root, const std::string& id);

// The directory of a container.
std::string ContainerDirectory(const std::string& root, const std::string& id);

}  // namespace runsc
