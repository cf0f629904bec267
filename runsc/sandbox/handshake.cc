// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/handshake.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include "runsc/util/packet.h"

namespace runsc {

StatusOr<std::pair<base::UniqueFd, base::UniqueFd>> Handshake::NewPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return SystemError("socketpair");
  return std::make_pair(base::UniqueFd(ends[0]), base::UniqueFd(ends[1]));
}

Status Handshake::Send(Step step, std::string_view text, std::vector<int> fds) {
  std::string bytes(1, static_cast<char>(step));
  bytes += text.substr(0, kMaxPacketBytes - 1);
  return Annotate(SendPacket(socket_.get(), bytes, fds), peer_);
}

StatusOr<Handshake::Message> Handshake::Receive() {
  StatusOr<Packet> packet = ReceivePacket(socket_.get());
  if (!packet.ok()) return Annotate(packet.status(), peer_);
  if (packet->end) return Failed(peer_ + " ended unexpectedly");
  Message message{static_cast<Step>(packet->bytes[0]), packet->bytes.substr(1), std::move(packet->fds)};
  if (message.step == Step::kFailed) return Failed(message.text);
  return message;
}

StatusOr<Handshake::Message> Handshake::Expect(Step step) {
  Message message = TRY_STATUS(Receive());
  if (message.step != step) return Failed(peer_ + " sent a message out of turn");
  return message;
}

StatusOr<bool> Handshake::Ready() {
  RETURN_IF_ERROR(Send(Step::kReady));
  Message answer = TRY_STATUS(Receive());
  // Until here this process died with runsc, which may end as soon as the socket is closed.
  if (answer.step == Step::kDetached && prctl(PR_SET_PDEATHSIG, 0) != 0) return SystemError("prctl");
  socket_.Reset();
  return answer.step == Step::kAttached;
}

void Handshake::WaitForClose() {
  while (socket_) {
    StatusOr<Packet> packet = ReceivePacket(socket_.get());
    if (!packet.ok() || packet->end) socket_.Reset();
  }
}

void Handshake::Fail(std::string_view message) {
  Send(Step::kFailed, message).IgnoreError();
  socket_.Reset();
}

}  // namespace runsc
