// SPDX-License-Identifier: Apache-2.0
// The sandbox's side of the control socket. Runs in the sentry on a host thread of its own; needs no system call but
// accept, poll, read/write of its eventfd, recvmsg, sendmsg, getsockopt and close.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc::control {

enum class SignalTarget { kInit, kAll, kProcess, kGroup, kForeground };

struct ProcessInfo {
  int pid = 0;
  int parent = 0;
  uint32_t uid = 0;
  int threads = 1;
  std::string terminal;           // "pts/0", or empty.
  int64_t start_realtime_ns = 0;  // When it was started.
  int64_t cpu_ns = 0;             // User and system time.
  std::string command;
};

// Called once, with a wait status. From any thread; must not be called while holding a lock that a SandboxControl
// function takes.
using ExitCallback = std::function<void(int wait_status)>;

struct ExecRequest {
  spec::Process process;
  std::array<base::UniqueFd, 3> stdio;
  bool terminal = false;  // stdio is a terminal made for this process.
};

// What the kernel does for runsc. All functions run on the server's thread, which they may block for as long as the
// operation takes, but not for as long as a process lives. Messages of errors are for the user.
class SandboxControl {
 public:
  virtual ~SandboxControl() = default;

  // Lets the container's first process begin; returns when its program runs. Called once at most.
  virtual Status StartRoot() = 0;
  // kNotFound when there is no such process.
  virtual Status Signal(SignalTarget target, int pid, int signal) = 0;
  // Returns the pid (in the container); `exited` is called when the process has ended.
  virtual StatusOr<int> Exec(ExecRequest request, ExitCallback exited) = 0;
  // Calls `exited` when the process has ended; 0: the first one (at once, if it has). kNotFound.
  virtual Status Wait(int pid, ExitCallback exited) = 0;
  virtual std::vector<ProcessInfo> Processes() = 0;
  // The gofer is gone, or runsc asked for it: everything ends, and so does RunSentry.
  virtual void Shutdown() = 0;
};

class Server {
 public:
  // `listener`: a listening SOCK_SEQPACKET socket. `gofer`: borrowed; when its peer hangs up, control.Shutdown() is
  // called. `allow_own_uid`: whether a client may have the sandbox's own user id (BootConfig has it); one that has, and
  // may not, is a process that broke out of the sandbox. `control` must outlive the server.
  static StatusOr<std::unique_ptr<Server>> Create(base::UniqueFd listener, int gofer, bool allow_own_uid,
                                                  SandboxControl& control);
  // Stops the thread; callbacks that come later are ignored.
  ~Server();

  // Starts the thread.
  Status Start();
  // Sends what is still to be said (the exit of the first process), then stops the thread. For the end of RunSentry.
  void Finish();

  class State;  // Shared with callbacks, which may outlive the server.

 private:
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace runsc::control
