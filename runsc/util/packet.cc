// SPDX-License-Identifier: Apache-2.0
#include "runsc/util/packet.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace runsc {

Status SendPacket(int socket, std::string_view bytes, const std::vector<int>& fds) {
  if (bytes.size() > kMaxPacketBytes || fds.size() > kMaxPacketFds) return InvalidInput("the message is too long");
  struct iovec vector = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  struct msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return SystemError("sending a message");
  return absl::OkStatus();
}

StatusOr<Packet> ReceivePacket(int socket, int flags) {
  Packet packet;
  packet.bytes.resize(kMaxPacketBytes);
  struct iovec vector = {packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  struct msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  // A peer that ended without reading all we sent shows as ECONNRESET once; its own last words are still behind that.
  int resets = 0;
  do {
    got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
  if (got < 0 && errno == EAGAIN) return absl::UnavailableError("no message yet");
  if (got < 0 && errno != ECONNRESET) return SystemError("receiving a message");
  if (got > 0) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        packet.fds.emplace_back(fd);
      }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Failed("a message arrived cut");
  }
  packet.end = got <= 0;
  packet.bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return packet;
}

}  // namespace runsc
