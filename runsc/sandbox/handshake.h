// SPDX-License-Identifier: Apache-2.0
// The conversation between a starting runsc and the gofer or sandbox it has just spawned, over a private socket pair.
// In order, from the child's side:
//   -> kMapIds   (only if it has made a user namespace)      <- kIdsMapped
//                                                           <- kGo (after the hooks; may carry descriptors)
//   -> kReady, or kFailed with a message at any time        <- kAttached or kDetached
//   -> closes its end: it has done what that asks
// A side that sees the other's end closed gives up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

class Handshake {
 public:
  enum class Step : char {
    kMapIds = 'm',
    kIdsMapped = 'M',
    kGo = 'g',
    kReady = 'r',
    kFailed = 'f',
    kAttached = 'a',
    kDetached = 'd',
  };
  struct Message {
    Step step;
    std::string text;
    std::vector<base::UniqueFd> fds;
  };

  Handshake() = default;
  // `peer` names the other side in messages.
  Handshake(base::UniqueFd socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  // Two connected ends.
  static StatusOr<std::pair<base::UniqueFd, base::UniqueFd>> NewPair();

  Status Send(Step step, std::string_view text = {}, std::vector<int> fds = {});
  // The next message. kFailed becomes an error with its text, end of file one that says the peer ended.
  StatusOr<Message> Receive();
  // Receives one message, which must be of that step.
  StatusOr<Message> Expect(Step step);

  // The child's last words. Ready tells runsc that the setup is done and learns what runsc wants: true if it stays
  // attached, so that this process is to die with it; false if it will end. Closes the socket once that is arranged.
  StatusOr<bool> Ready();
  // For runsc, after the last word: until the child has acted on it (or has died).
  void WaitForClose();
  // Tells runsc why the setup failed: the text is what the user sees. Closes the socket.
  void Fail(std::string_view message);

  int fd() const { return socket_.get(); }
  void Close() { socket_.Reset(); }

 private:
  base::UniqueFd socket_;
  std::string peer_;
};

}  // namespace runsc
