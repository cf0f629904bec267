// SPDX-License-Identifier: Apache-2.0
// Attach, walk, open, connect.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"
#include "gofer/server/resolve.h"
#include "gofer/server/server.h"

namespace gofer {

Connection::Outcome Connection::Do(const wire::Attach& request, wire::Result& result) {
  const std::vector<MountConfig>& mounts = server_.config().mounts;
  if (request.mount() >= mounts.size()) return base::Errno(EINVAL);
  const MountConfig& mount = mounts[request.mount()];
  base::UniqueFd root(fcntl(mount.root.get(), F_DUPFD_CLOEXEC, 0));
  if (!root) return base::Errno(errno);
  wire::Attributes attributes;
  TRY(ReadAttributes(root.get(), attributes));
  return Publish(base::MakeRef<Node>(std::move(root), &mount, attributes.mode() & S_IFMT), attributes, result);
}

Connection::Outcome Connection::Do(const wire::Walk& request, wire::Result& result) {
  if (request.names_size() < 1 || request.names_size() > kMaxWalk) return base::Errno(EINVAL);
  for (const std::string& name : request.names()) {
    if (!IsValidName(name)) return base::Errno(EINVAL);
  }
  NodeRef node = TRY(Find(request.node()));
  wire::Attributes attributes;
  for (const std::string& name : request.names()) {
    if (S_ISLNK(node->type())) return base::Errno(ELOOP);
    if (!S_ISDIR(node->type())) return base::Errno(ENOTDIR);
    attributes.Clear();
    node = TRY(Resolve(*node, name, attributes));
    TRY(Publish(node, attributes, result));
  }
  return {};
}

Connection::Outcome Connection::Do(const wire::Open& request, wire::Result& result) {
  NodeRef node = TRY(request.write() ? FindWritable(request.node()) : Find(request.node()));
  if (!S_ISREG(node->type()) && !(S_ISFIFO(node->type()) && server_.config().host_fifos)) return base::Errno(EPERM);
  return Donate(TRY(Reopen(*node, request.write() ? O_RDWR : O_RDONLY)), result);
}

Connection::Outcome Connection::Do(const wire::Connect& request, wire::Result& result) {
  int type = static_cast<int>(request.type());
  if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return base::Errno(EINVAL);
  NodeRef node = TRY(Find(request.node()));
  if (!S_ISSOCK(node->type())) return base::Errno(ECONNREFUSED);
  if (!server_.config().host_sockets) return base::Errno(EPERM);
  base::UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::Errno(errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, DescriptorName(node->fd()).c_str(), sizeof(address.sun_path) - 1);
  const void* any_address = &address;
  if (connect(socket.get(), static_cast<const sockaddr*>(any_address), sizeof(address)) != 0) return base::Errno(errno);
  return Donate(std::move(socket), result);
}

}  // namespace gofer
