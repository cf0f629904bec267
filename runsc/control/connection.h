// SPDX-License-Identifier: Apache-2.0
// Private to control/server: one client. Used on the server's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "runsc/control/server.h"
#include "runsc/util/packet.h"

namespace runsc::control {

namespace wire {
class Request;
class Response;
}  // namespace wire

class Connection {
 public:
  // `complete` makes the callback that sends Exited for a request of this connection.
  using Completer = std::function<ExitCallback(uint64_t connection, uint64_t sequence)>;

  Connection(uint64_t id, base::UniqueFd socket, SandboxControl& control, Completer complete)
      : id_(id), socket_(std::move(socket)), control_(control), complete_(std::move(complete)) {}
  // Kills the processes that the client has started and that still run.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return socket_.get(); }
  // Serves the requests that are there. False: the connection is to be closed.
  bool Serve();
  // The process that the request waited for has ended. False as above.
  bool SendExited(uint64_t sequence, int wait_status);

 private:
  bool Handle(Packet packet);
  bool Send(const wire::Response& response);
  Status Dispatch(const wire::Request& request, Packet& packet, wire::Response& response, bool* answer);
  Status Exec(const wire::Request& request, Packet& packet);

  const uint64_t id_;
  base::UniqueFd socket_;
  SandboxControl& control_;
  Completer complete_;
  std::map<uint64_t, int> running_;  // Sequence of an Exec whose process has not ended, and the pid.
};

}  // namespace runsc::control
