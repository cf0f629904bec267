// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "vfs/file_description.h"

namespace vfs {

// Watches inherited host descriptors for readiness, on one host thread that sleeps while nobody waits. One per sandbox;
// outlives its files.
class HostPoller {
 public:
  // Starts the thread. EMFILE, EAGAIN.
  static base::Result<std::unique_ptr<HostPoller>> Create();
  ~HostPoller();

  class Watched;
  class State;

 private:
  friend class InheritedFile;
  explicit HostPoller(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

// An open file description over an inherited host descriptor (standard input, output, error: a pipe, terminal, socket,
// regular file or device of the host). Data goes through the descriptor itself, so its offset is shared with the host.
// Reads and writes never wait: they ask poll(2) first. Terminal ioctls are passed through from a fixed list.
class InheritedFile {
 public:
  // Flags (O_ACCMODE, O_APPEND, O_NONBLOCK) are taken from the descriptor; O_NONBLOCK stays the guest's own.
  // `name`: what /proc/PID/fd shows ("host:[0]" or a terminal's path). Errors: what fcntl, fstat say.
  static base::Result<base::RefPtr<FileDescription>> Create(Context& context, HostPoller& poller, base::UniqueFd fd,
                                                            std::string name);
};

}  // namespace vfs
