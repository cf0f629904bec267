// SPDX-License-Identifier: Apache-2.0
#include "gofer/protocol/channel.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "google/protobuf/message_lite.h"

namespace gofer {
namespace {

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * kMaxDescriptors);

// Takes every descriptor out of the control data, so that none leaks whatever the verdict on the packet is.
void TakeDescriptors(msghdr& header, std::vector<base::UniqueFd>& descriptors) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

Channel::Channel(base::UniqueFd socket) : socket_(std::move(socket)), buffer_(new std::byte[kMaxMessageBytes]) {}
Channel::~Channel() = default;

base::Result<std::pair<base::UniqueFd, base::UniqueFd>> Channel::MakePair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return base::Errno(errno);
  // A packet counts against the sender's buffer with the kernel's overhead. What the host allows is enough.
  for (int end : ends) {
    int bytes = 2 * static_cast<int>(kMaxMessageBytes);
    (void)setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  return std::make_pair(base::UniqueFd(ends[0]), base::UniqueFd(ends[1]));
}

base::Result<void> Channel::Send(const google::protobuf::MessageLite& message, std::span<const int> descriptors) {
  size_t size = message.ByteSizeLong();
  if (size > kMaxMessageBytes || descriptors.size() > kMaxDescriptors) return base::Errno(EMSGSIZE);
  if (!message.SerializeToArray(buffer_.get(), static_cast<int>(kMaxMessageBytes))) return base::Errno(EMSGSIZE);

  iovec vector{.iov_base = buffer_.get(), .iov_len = size};
  alignas(cmsghdr) char control[kControlBytes];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    memset(control, 0, header.msg_controllen);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    ssize_t sent = sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
    if (sent >= 0) return {};
    if (errno != EINTR) return base::Errno(errno);
  }
}

base::Result<void> Channel::Receive(google::protobuf::MessageLite& message, std::vector<base::UniqueFd>& descriptors,
                                    int64_t patience_ns) {
  iovec vector{.iov_base = buffer_.get(), .iov_len = kMaxMessageBytes};
  alignas(cmsghdr) char control[kControlBytes];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t received = 0;
  int64_t until = patience_ns == 0 ? 0 : base::MonotonicNow() + patience_ns;
  for (;;) {
    bool looks = until != 0 && base::MonotonicNow() < until;
    received = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | (looks ? MSG_DONTWAIT : 0));
    if (received >= 0 || (errno != EINTR && errno != EAGAIN)) break;
    // The peer may be waiting for this very processor.
    if (looks) sched_yield();
  }
  if (received < 0) return base::Errno(errno);

  descriptors.clear();
  TakeDescriptors(header, descriptors);
  if (received == 0) return base::Errno(ECONNRESET);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return base::Errno(EBADMSG);
  if (!message.ParseFromArray(buffer_.get(), static_cast<int>(received))) return base::Errno(EBADMSG);
  return {};
}

}  // namespace gofer
