// SPDX-License-Identifier: Apache-2.0
// The border between the process tree (sandbox/) and the kernel that runs in the sandbox process: the structures that
// RunSentry gets, and what it must do in which order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/config/flags.h"
#include "runsc/sandbox/handshake.h"
#include "runsc/spec/spec.h"

namespace runsc {

// Files of the host at the gofer, for one bind mount.
struct GoferMount {
  uint32_t tree = 0;  // Its number at the gofer. The root filesystem is number 0.
  bool directory = true;
};

struct BootConfig {
  std::string id;
  std::string bundle;
  std::string spec_name;  // How messages call the file.
  spec::Spec spec;
  Settings settings;
  // One for each of spec.mounts: set for bind mounts.
  std::vector<std::optional<GoferMount>> gofer_mounts;
  bool terminal = false;       // The stdio descriptors are a terminal made for this container.
  bool allow_own_uid = false;  // For control::Server.
};

struct GuestFd {
  int number;
  base::UniqueFd fd;
};

struct Fds {
  base::UniqueFd gofer;    // Connected to the gofer. Hang-up means that it died: the container must be killed.
  base::UniqueFd control;  // Listening socket for control::Server.
  base::UniqueFd proc;     // Root of a procfs of the sandbox's pid namespace (subset=pid); O_PATH-like.
  std::array<base::UniqueFd, 3> stdio;
  base::UniqueFd resized;  // Readable when the host's terminal of the first process has another size; may be empty.
  std::vector<GuestFd> passed;  // More descriptors for the first process.
  Handshake runsc;              // The starting runsc.
};

// Runs the kernel of a sandbox until its first container ends; returns the exit code of the process, which is the
// container's: 0 to 255, with 128 + n for signal n. (The process is the init of its pid namespace, so it cannot die of
// a signal of its own.)
//
// On entry the process is single-threaded; it has its own (empty, read-only) root, pid, mount, ipc, uts, cgroup and
// network namespaces and user namespace with all capabilities in it and none outside, is not dumpable, has
// no_new_privs, the log is set, SIGPIPE is ignored, and only the descriptors of `fds` and the log are open. RunSentry
//   1. prepares the platform (forks zygotes);
//   2. calls LockDown (boot/lockdown.h), which gives up the capabilities and installs the filter;
//   3. loads what can fail (root filesystem, program), starts control::Server on fds.control;
//   4. calls fds.runsc.Ready(), or fds.runsc.Fail("message for the user") and returns;
//   5. runs the container when SandboxControl::StartRoot is called.
int RunSentry(BootConfig config, Fds fds);

}  // namespace runsc
