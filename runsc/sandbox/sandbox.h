// SPDX-License-Identifier: Apache-2.0
// Starting the processes of a sandbox. See docs/ARCHITECTURE.md for the picture.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/config/flags.h"
#include "runsc/sandbox/handshake.h"
#include "runsc/sandbox/spawn.h"
#include "runsc/sandbox/trees.h"
#include "runsc/spec/parse.h"
#include "runsc/util/process.h"

namespace runsc {

struct SandboxOptions {
  std::string id;
  std::string bundle;  // Absolute.
  const spec::LoadedSpec* spec = nullptr;
  Settings settings;
  base::UniqueFd control;  // Listening socket of the sandbox.
  std::array<int, 3> stdio = {0, 1, 2};
  bool terminal = false;       // stdio is the slave side of a new terminal.
  bool log_to_stderr = false;  // Where the sandbox's errors go without --debug-log: our standard error, or nowhere.
  std::vector<std::pair<int, int>> passed_fds;  // Container's number, our descriptor.
  // Called with the sandbox's pid before it does anything that needs its surroundings: joins cgroups, runs hooks.
  std::function<Status(pid_t sandbox)> sandbox_spawned;
  std::function<Status(pid_t gofer)> gofer_spawned;
  bool gofer_after_hooks = false;           // sandbox_spawned changes mounts, so the gofer must be started afterwards.
  bool run_create_container_hooks = false;  // By the gofer, in its mount namespace.
};

// A gofer and a sentry that are ready, waiting for the word whether runsc stays with them. Until Release they die with
// this object, and with this process.
class Sandbox {
 public:
  static StatusOr<Sandbox> Start(SandboxOptions options);
  ~Sandbox();
  Sandbox(Sandbox&&) = default;
  Sandbox& operator=(Sandbox&&) = delete;

  ProcessId sentry() const { return sentry_id_; }
  ProcessId gofer() const { return gofer_id_; }
  // Whether Release was called: they are no longer undone.
  bool released() const { return released_; }
  int sentry_pidfd() const { return sentry_.pidfd.get(); }

  // From here on they live by themselves; with `attached` they still die with this process.
  Status Release(bool attached);
  // Kills both, released or not, and waits for them.
  void KillAndReap();
  // Waits for both processes. The sentry's wait status.
  int Wait();

 private:
  Sandbox() = default;
  Status SpawnSentry(const SandboxOptions& options, int executable, base::UniqueFd gofer_socket);
  Status SpawnGofer(const SandboxOptions& options, int executable, base::UniqueFd socket);
  // Serves both children until both are ready.
  Status RunHandshakes(const SandboxOptions& options);
  Status HandleMessage(bool from_sentry, const SandboxOptions& options);

  std::vector<HostTree> trees_;
  Spawned sentry_, gofer_;
  Handshake sentry_handshake_, gofer_handshake_;
  ProcessId sentry_id_, gofer_id_;
  bool sentry_ready_ = false, gofer_ready_ = false;
  bool released_ = false;
};

}  // namespace runsc
