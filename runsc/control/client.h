// SPDX-License-Identifier: Apache-2.0
// runsc's side of the control socket. One thread.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/control/server.h"
#include "runsc/util/status.h"

namespace runsc::control {

// The listening socket of a container, made in its state directory; the sandbox inherits it.
StatusOr<base::UniqueFd> Listen(const std::string& container_directory);

class Client {
 public:
  // kNotFound: nobody listens (any more).
  static StatusOr<Client> Connect(const std::string& container_directory);

  Status Start();
  Status Signal(SignalTarget target, int pid, int signal);
  StatusOr<std::vector<ProcessInfo>> Processes();
  // Waits until the process has ended; its wait status.
  StatusOr<int> Wait(int pid);
  // The pid in the container. Afterwards WaitExited tells its end, and closing the client kills it.
  StatusOr<int> Exec(const std::string& process_json, const std::array<int, 3>& stdio, bool terminal);
  // The end of what Exec has started; -1: it has not ended yet, but another response came in (call again).
  // For use with poll on fd().
  StatusOr<int> WaitExited();
  // Not waited for.
  Status Shutdown();
  // A signal for which no answer is waited; WaitExited passes over the answer.
  Status SendSignal(SignalTarget target, int pid, int signal);

  int fd() const { return socket_.get(); }

 private:
  explicit Client(base::UniqueFd socket) : socket_(std::move(socket)) {}

  base::UniqueFd socket_;
  uint64_t last_sequence_ = 0;
  uint64_t exec_sequence_ = 0;
};

}  // namespace runsc::control
