// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/gofer.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "gofer/server/server.h"

namespace gofer {
namespace {

// Descriptors for everything but nodes: connections, donations on their way, the mounts.
constexpr uint64_t kReservedDescriptors = 1024;
// As many as Linux allows by default (fs.nr_open). Each costs the host about 300 bytes beside the inode itself.
constexpr uint64_t kMostDescriptors = 1 << 20;

// Raises the limit on descriptors as far as allowed; returns it.
uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  // With CAP_SYS_RESOURCE beyond the hard limit; else up to it.
  rlimit wanted{.rlim_cur = kMostDescriptors, .rlim_max = std::max<rlim_t>(kMostDescriptors, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return kMostDescriptors;
  wanted = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return limit.rlim_max;
  return limit.rlim_cur;
}

}  // namespace

int RunGofer(base::UniqueFd connection, Config config) {
  uint64_t descriptors = RaiseDescriptorLimit();
  if (!config.proc_self_fd) config.proc_self_fd.Reset(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!config.proc_self_fd) {
    RUNSC_ERROR("gofer: cannot open /proc/self/fd: %s", base::ErrnoName(errno));
    return 1;
  }
  size_t max_nodes = descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : descriptors / 2;
  Server server(std::move(config), max_nodes);
  base::Result<void> served = server.Serve(std::move(connection));
  if (!served.ok()) return 1;
  server.Wait();
  return 0;
}

}  // namespace gofer
