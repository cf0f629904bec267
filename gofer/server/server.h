// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>

#include "base/condvar.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/server/gofer.h"
#include "gofer/server/node.h"

namespace gofer {

// What the connections of one gofer share: the mounts, the node table, the threads. Thread-safe.
// Lock order: mutex_ is a leaf.
class Server {
 public:
  // `max_nodes`: how many nodes the client may hold (each is a descriptor).
  Server(Config config, size_t max_nodes);
  ~Server();

  const Config& config() const { return config_; }

  // Makes ids for nodes that go into the table. ENFILE: no room for all of them (then none is in).
  base::Result<void> AddNodes(std::span<const base::RefPtr<Node>> nodes, std::span<uint64_t> ids);
  // EBADF: no such node.
  base::Result<base::RefPtr<Node>> FindNode(uint64_t id);
  // Ids that are not in the table are passed over.
  void Forget(std::span<const uint64_t> ids);
  size_t node_count();

  // Serves one connection on a thread of its own. ENFILE: there are kMaxConnections.
  base::Result<void> Serve(base::UniqueFd connection);
  // Returns when all connections have ended.
  void Wait();

 private:
  static base::LockClass kLock;
  const Config config_;
  const size_t max_nodes_;
  base::Mutex mutex_{kLock};
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, base::RefPtr<Node>> nodes_ ABSL_GUARDED_BY(mutex_);
  // Connections being served; the last thing a connection's thread does is to count itself off.
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  base::CondVar connection_ended_;
};

}  // namespace gofer
