// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/unique_fd.h"

namespace gofer {

// One tree the gofer serves; the client attaches to it by its position in Config::mounts.
struct MountConfig {
  base::UniqueFd root;  // O_PATH; a directory, or the file of a single-file bind mount.
  bool read_only = false;
  // Whether walks may enter filesystems mounted inside the tree; otherwise such a name fails with EXDEV.
  bool cross_mounts = false;
};

struct Config {
  std::vector<MountConfig> mounts;
  // O_PATH descriptor of /proc/self/fd, on a procfs mounted for the gofer's own pid namespace: the way from an O_PATH
  // descriptor to its file. None: RunGofer opens "/proc/self/fd" itself.
  base::UniqueFd proc_self_fd;
  bool host_fifos = false;    // FIFOs of the host tree may be opened (to talk to host processes).
  bool host_sockets = false;  // Sockets of the host tree may be connected to.
  bool host_devices = false;  // Device nodes may be created (never opened).
};

// The host-file server of one container: serves `connection` (AF_UNIX SOCK_SEQPACKET) and the connections cloned from
// it until the peers of all have closed them. Returns 0 then, or 1 if it could not start (a line in the log says why).
// The caller has entered the namespaces and pivoted the root, and dropped what privileges it wants to drop: kept are
// those to act on the container's files (CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID, ...). Raises RLIMIT_NOFILE as far
// as it may. Each connection has a thread of its own with a working directory and umask of its own (CLONE_FS).
int RunGofer(base::UniqueFd connection, Config config);

}  // namespace gofer
