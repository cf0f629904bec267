// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/connection.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/protocol/patience.h"
#include "gofer/server/resolve.h"
#include "gofer/server/server.h"

namespace gofer {

Connection::Connection(Server& server, base::UniqueFd socket) : server_(server), channel_(std::move(socket)) {}

base::Result<void> Connection::EnterDescriptors() {
  // A working directory and umask for this thread alone: the server may share its process (in tests).
  if (unshare(CLONE_FS) != 0) return base::Errno(errno);
  if (fchdir(server_.config().proc_self_fd.get()) != 0) return base::Errno(errno);
  umask(0);
  return {};
}

void Connection::Run() {
  base::Result<void> entered = EnterDescriptors();
  if (!entered.ok()) {
    RUNSC_ERROR("gofer: cannot enter /proc/self/fd: %s", base::ErrnoName(entered.error().code()));
    return;
  }
  wire::Request request;
  wire::Response response;
  std::vector<base::UniqueFd> unwanted;
  std::vector<int> descriptors;
  Patience patience;
  for (;;) {
    int64_t asked = base::MonotonicNow();
    base::Result<void> received = channel_.Receive(request, unwanted, patience.next_ns());
    patience.Note(base::MonotonicNow() - asked);
    if (!received.ok()) {
      if (received.error().code() != ECONNRESET) {
        RUNSC_WARN("gofer: bad request (%s), closing the connection", base::ErrnoName(received.error().code()));
      }
      return;
    }
    // Nothing in the protocol sends descriptors to the server.
    if (!unwanted.empty()) {
      RUNSC_WARN("gofer: request with descriptors, closing the connection");
      return;
    }
    response.Clear();
    if (!Handle(request, response)) return;

    descriptors.clear();
    for (const base::UniqueFd& fd : donated_) descriptors.push_back(fd.get());
    base::Result<void> sent = channel_.Send(response, descriptors);
    donated_.clear();
    last_node_ = nullptr;
    if (!sent.ok()) {
      if (sent.error().code() != EPIPE) {
        RUNSC_WARN("gofer: cannot answer (%s), closing the connection", base::ErrnoName(sent.error().code()));
      }
      return;
    }
  }
}

bool Connection::Handle(const wire::Request& request, wire::Response& response) {
  server_.Forget(std::span(request.forget().data(), static_cast<size_t>(request.forget_size())));
  if (request.operations_size() > kMaxOperations) {
    RUNSC_WARN("gofer: batch of %d operations, closing the connection", request.operations_size());
    return false;
  }
  for (const wire::Operation& operation : request.operations()) {
    wire::Result& result = *response.add_results();
    Outcome outcome = Dispatch(operation, result);
    if (!outcome.ok()) {
      result.set_error(static_cast<uint32_t>(outcome.error().code()));
      break;
    }
    // The next result might not fit any more: the batch ends here, the client asks again.
    if (&operation != &*request.operations().rbegin() && response.ByteSizeLong() > kBatchBytes) break;
  }
  // An empty packet would read as the end of the connection.
  if (response.results_size() == 0) response.add_results();
  return true;
}

Connection::Outcome Connection::Dispatch(const wire::Operation& operation, wire::Result& result) {
  if (!greeted_ && !operation.has_hello()) return base::Errno(EPROTO);
  switch (operation.operation_case()) {
    case wire::Operation::kHello:
      return Do(operation.hello(), result);
    case wire::Operation::kClone:
      return Do(operation.clone(), result);
    case wire::Operation::kAttach:
      return Do(operation.attach(), result);
    case wire::Operation::kWalk:
      return Do(operation.walk(), result);
    case wire::Operation::kOpen:
      return Do(operation.open(), result);
    case wire::Operation::kCreate:
      return Do(operation.create(), result);
    case wire::Operation::kStat:
      return Do(operation.stat(), result);
    case wire::Operation::kSetAttributes:
      return Do(operation.set_attributes(), result);
    case wire::Operation::kLink:
      return Do(operation.link(), result);
    case wire::Operation::kUnlink:
      return Do(operation.unlink(), result);
    case wire::Operation::kRename:
      return Do(operation.rename(), result);
    case wire::Operation::kReadLink:
      return Do(operation.read_link(), result);
    case wire::Operation::kReadDirectory:
      return Do(operation.read_directory(), result);
    case wire::Operation::kStatFilesystem:
      return Do(operation.stat_filesystem(), result);
    case wire::Operation::kSync:
      return Do(operation.sync(), result);
    case wire::Operation::kGetXattr:
      return Do(operation.get_xattr(), result);
    case wire::Operation::kSetXattr:
      return Do(operation.set_xattr(), result);
    case wire::Operation::kListXattr:
      return Do(operation.list_xattr(), result);
    case wire::Operation::kRemoveXattr:
      return Do(operation.remove_xattr(), result);
    case wire::Operation::kConnect:
      return Do(operation.connect(), result);
    case wire::Operation::OPERATION_NOT_SET:
      return base::Errno(EINVAL);
  }
  return base::Errno(EINVAL);
}

Connection::Outcome Connection::Do(const wire::Hello& request, wire::Result& result) {
  if (request.version() != kProtocolVersion) return base::Errno(EPROTO);
  greeted_ = true;
  wire::HelloReply& reply = *result.mutable_hello();
  reply.set_version(kProtocolVersion);
  for (const MountConfig& mount : server_.config().mounts) reply.add_mounts()->set_read_only(mount.read_only);
  return {};
}

Connection::Outcome Connection::Do(const wire::Clone&, wire::Result& result) {
  auto [ours, theirs] = TRY(Channel::MakePair());
  TRY(server_.Serve(std::move(ours)));
  return Donate(std::move(theirs), result);
}

base::Result<Connection::NodeRef> Connection::Find(uint64_t id) {
  if (id != 0) return server_.FindNode(id);
  if (last_node_ == nullptr) return base::Errno(EBADF);
  return last_node_;
}

base::Result<Connection::NodeRef> Connection::FindWritable(uint64_t id) {
  NodeRef node = TRY(Find(id));
  if (node->mount().read_only) return base::Errno(EROFS);
  return node;
}

base::Result<Connection::NodeRef> Connection::FindWritableDirectory(uint64_t id) {
  NodeRef node = TRY(FindWritable(id));
  if (!S_ISDIR(node->type())) return base::Errno(ENOTDIR);
  return node;
}

Connection::Outcome Connection::Publish(NodeRef node, const wire::Attributes& attributes, wire::Result& result) {
  uint64_t id = 0;
  TRY(server_.AddNodes(std::span(&node, 1), std::span(&id, 1)));
  wire::Node& published = *result.add_nodes();
  published.set_id(id);
  *published.mutable_attributes() = attributes;
  last_node_ = std::move(node);
  return {};
}

Connection::Outcome Connection::Donate(base::UniqueFd fd, wire::Result& result) {
  if (donated_.size() >= kMaxDescriptors) return base::Errno(EMFILE);
  donated_.push_back(std::move(fd));
  result.set_descriptor(true);
  return {};
}

void Connection::Refresh(uint64_t id, wire::Attributes* attributes) {
  if (id == 0) return;
  base::Result<NodeRef> node = Find(id);
  if (node.ok()) (void)ReadAttributes((*node)->fd(), *attributes);
}

}  // namespace gofer
