// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "sentry/fs/devpts/terminal.h"
#include "vfs/file_description.h"
#include "vfs/host_file/host_file.h"

namespace sentry {

class Container;

// A guest terminal that is seen on a terminal of the host: the slave side of the engine's, or the one a person sits at.
// The guest gets a terminal of its own, /dev/pts/N of its container, with its own line discipline and job control; the
// host's is made raw, and characters are carried between it and the guest's master side. Thread-safe; lives as long as
// characters may be carried.
class HostTerminal : public base::RefCounted {
 public:
  struct Made {
    base::RefPtr<HostTerminal> terminal;
    base::RefPtr<vfs::FileDescription> slave;  // For the guest's descriptors; open for reading and writing.
  };
  // On a fiber. `owner` will own the guest's node. ENOENT: the container has no devpts on /dev/pts; ENOTTY.
  static base::Result<Made> Create(Kernel& kernel, Container& container, vfs::HostPoller& poller, base::UniqueFd host,
                                   base::KUid owner);

  const base::RefPtr<Terminal>& terminal() const { return terminal_; }
  // From now on takes over the host's size by itself, whenever `signals` has a SIGWINCH to be read (signalfd(2)): this
  // process has the host's terminal as its controlling terminal, and the signal blocked in all threads.
  void FollowSize(Kernel& kernel, vfs::HostPoller& poller, base::UniqueFd signals);
  // The host's terminal has another size now (SIGWINCH): takes it over, and tells the guest's foreground.
  void Resize();

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  class Pump;
  HostTerminal(base::RefPtr<Terminal> terminal, base::UniqueFd control)
      : terminal_(std::move(terminal)), control_(kLock, std::move(control)) {}

  static inline constinit base::LockClass kLock{"HostTerminal::control_"};
  const base::RefPtr<Terminal> terminal_;
  base::Guarded<base::UniqueFd> control_;  // The host's terminal, for its size; closed when the carrying has ended.
};

}  // namespace sentry
