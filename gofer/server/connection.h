// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/protocol/channel.h"
#include "gofer/protocol/messages.h"
#include "gofer/server/node.h"

namespace gofer {

class Server;

// One client connection: receives a batch, does it, answers. Used by one thread. Everything in a request is hostile
// until checked; each operation checks its own fields and answers EINVAL (EBADF for an id) to what is wrong.
// The operations are in connection.cc (protocol), lookup.cc, create.cc, names.cc, attributes.cc, directory.cc,
// xattr.cc.
class Connection {
 public:
  Connection(Server& server, base::UniqueFd socket);

  // Serves until the peer is gone or says something that does not parse.
  void Run();

 private:
  // Gives the calling thread its working directory, /proc/self/fd, and a umask of 0.
  base::Result<void> EnterDescriptors();

  using NodeRef = base::RefPtr<Node>;
  using Outcome = base::Result<void>;

  // False: the connection is to be closed.
  bool Handle(const wire::Request& request, wire::Response& response);
  Outcome Dispatch(const wire::Operation& operation, wire::Result& result);

  Outcome Do(const wire::Hello& request, wire::Result& result);
  Outcome Do(const wire::Clone& request, wire::Result& result);
  Outcome Do(const wire::Attach& request, wire::Result& result);
  Outcome Do(const wire::Walk& request, wire::Result& result);
  Outcome Do(const wire::Open& request, wire::Result& result);
  Outcome Do(const wire::Create& request, wire::Result& result);
  Outcome Do(const wire::Stat& request, wire::Result& result);
  Outcome Do(const wire::SetAttributes& request, wire::Result& result);
  Outcome Do(const wire::Link& request, wire::Result& result);
  Outcome Do(const wire::Unlink& request, wire::Result& result);
  Outcome Do(const wire::Rename& request, wire::Result& result);
  Outcome Do(const wire::ReadLink& request, wire::Result& result);
  Outcome Do(const wire::ReadDirectory& request, wire::Result& result);
  Outcome Do(const wire::StatFilesystem& request, wire::Result& result);
  Outcome Do(const wire::Sync& request, wire::Result& result);
  Outcome Do(const wire::GetXattr& request, wire::Result& result);
  Outcome Do(const wire::SetXattr& request, wire::Result& result);
  Outcome Do(const wire::ListXattr& request, wire::Result& result);
  Outcome Do(const wire::RemoveXattr& request, wire::Result& result);
  Outcome Do(const wire::Connect& request, wire::Result& result);

  // The node of an id; 0 is the last one this batch produced. EBADF.
  base::Result<NodeRef> Find(uint64_t id);
  // The same; EROFS if its mount is read-only.
  base::Result<NodeRef> FindWritable(uint64_t id);
  // The same; ENOTDIR if it is no directory.
  base::Result<NodeRef> FindWritableDirectory(uint64_t id);
  // Puts a new node into the table and into the result; it is now the batch's last node. ENFILE.
  Outcome Publish(NodeRef node, const wire::Attributes& attributes, wire::Result& result);
  // Sends `fd` along with the result.
  Outcome Donate(base::UniqueFd fd, wire::Result& result);
  // After a change: fresh attributes of a node into the result, if the client named it. Failing is no error.
  void Refresh(uint64_t id, wire::Attributes* attributes);

  Server& server_;
  Channel channel_;
  bool greeted_ = false;

  // Of the batch being done.
  NodeRef last_node_;
  std::vector<base::UniqueFd> donated_;

  // The directory that was read last and where, so that going on needs no seek (which merged directories of host
  // overlays do not do well).
  struct OpenDirectory {
    uint64_t node = 0;
    uint64_t cookie = 0;
    base::UniqueFd fd;
  };
  OpenDirectory directory_;
};

}  // namespace gofer
