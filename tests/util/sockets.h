// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "tests/util/unique_fd.h"

namespace tests {

struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};

// Two connected AF_UNIX sockets.
//   PASS: SocketPair pair = MakeSocketPair(SOCK_STREAM); EXPECT_TRUE(WriteByte(pair.first.get()));
//   FAIL: SocketPair pair = MakeSocketPair(77);   // "socketpair: Invalid argument"
inline SocketPair MakeSocketPair(int type) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, type, 0, fds), 0) << "socketpair: " << strerror(errno);
  return SocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

//   PASS: UniqueFd fd = MakeUnixSocket(SOCK_DGRAM); EXPECT_TRUE(fd.ok());
//   FAIL: UniqueFd fd = MakeUnixSocket(77);   // "socket: Invalid argument"
inline UniqueFd MakeUnixSocket(int type) {
  UniqueFd fd(socket(AF_UNIX, type, 0));
  EXPECT_TRUE(fd.ok()) << "socket: " << strerror(errno);
  return fd;
}

// An AF_UNIX address with its length.
struct UnixAddress {
  // A name in the tree; cut if it is too long.
  static UnixAddress Path(const std::string& path) {
    UnixAddress address;
    const size_t count = std::min(path.size(), sizeof(address.name.sun_path));
    memcpy(address.name.sun_path, path.data(), count);
    address.length = offsetof(sockaddr_un, sun_path) + std::min(count + 1, sizeof(address.name.sun_path));
    return address;
  }
  // An abstract name, after its leading NUL.
  static UnixAddress Abstract(const std::string& text) {
    UnixAddress address;
    memcpy(address.name.sun_path + 1, text.data(), text.size());
    address.length = offsetof(sockaddr_un, sun_path) + 1 + text.size();
    return address;
  }
  // What getsockname (or getpeername) says of `fd`.
  static UnixAddress Of(int fd, decltype(&getsockname) ask = &getsockname) {
    UnixAddress address;
    address.length = sizeof(address.name);
    EXPECT_EQ(ask(fd, address.get(), &address.length), 0) << strerror(errno);
    return address;
  }

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
  std::string bytes() const {
    return length <= offsetof(sockaddr_un, sun_path)
               ? std::string()
               : std::string(name.sun_path, length - offsetof(sockaddr_un, sun_path));
  }

  sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t length = offsetof(sockaddr_un, sun_path);
};

// A socket bound to `address` that listens.
inline UniqueFd ListenOn(const UnixAddress& address, int type = SOCK_STREAM, int backlog = 5) {
  UniqueFd fd = MakeUnixSocket(type);
  EXPECT_EQ(bind(fd.get(), address.get(), address.length), 0) << "bind: " << strerror(errno);
  EXPECT_EQ(listen(fd.get(), backlog), 0) << "listen: " << strerror(errno);
  return fd;
}

// One message with control data, to be sent or received.
//   PASS: Message out("x"); out.AddRights({fd}); sendmsg(socket, out.get(), 0);
//   FAIL: Message in(1); EXPECT_EQ(in.Rights().size(), 1u);   // nothing was received
class Message {
 public:
  explicit Message(std::string text) : data_(std::move(text)) { Point(); }
  explicit Message(size_t size, size_t control_size = 256) : data_(size, '\0'), control_(control_size) { Point(); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  msghdr* get() { return &header_; }
  const std::string& data() const { return data_; }

  void Add(int level, int type, const void* bytes, size_t size) {
    const size_t begin = control_.size();
    control_.resize(begin + CMSG_SPACE(size));
    cmsghdr header = {};
    header.cmsg_len = CMSG_LEN(size);
    header.cmsg_level = level;
    header.cmsg_type = type;
    memcpy(control_.data() + begin, &header, sizeof(header));
    if (size != 0) memcpy(control_.data() + begin + CMSG_LEN(0), bytes, size);
    Point();
  }
  void AddRights(const std::vector<int>& fds) { Add(SOL_SOCKET, SCM_RIGHTS, fds.data(), fds.size() * sizeof(int)); }

  // The payload of the first control message of this type; empty if there is none.
  std::string Control(int type) {
    for (cmsghdr* at = CMSG_FIRSTHDR(&header_); at != nullptr; at = CMSG_NXTHDR(&header_, at)) {
      if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != type) continue;
      return std::string(reinterpret_cast<const char*>(CMSG_DATA(at)), at->cmsg_len - CMSG_LEN(0));
    }
    return "";
  }
  // The received descriptors, owned by the caller.
  std::vector<UniqueFd> Rights() {
    const std::string bytes = Control(SCM_RIGHTS);
    std::vector<UniqueFd> fds;
    for (size_t at = 0; at + sizeof(int) <= bytes.size(); at += sizeof(int)) {
      int fd = -1;
      memcpy(&fd, bytes.data() + at, sizeof(fd));
      fds.emplace_back(fd);
    }
    return fds;
  }

 private:
  void Point() {
    vector_ = {data_.data(), data_.size()};
    header_.msg_iov = &vector_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_.empty() ? nullptr : control_.data();
    header_.msg_controllen = control_.size();
  }

  std::string data_;
  std::vector<char> control_;
  iovec vector_ = {};
  msghdr header_ = {};
};

}  // namespace tests
