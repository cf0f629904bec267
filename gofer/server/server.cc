// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/server.h"

#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"

namespace gofer {

constinit base::LockClass Server::kLock{"gofer::Server::mutex_"};

Server::Server(Config config, size_t max_nodes) : config_(std::move(config)), max_nodes_(max_nodes) {}
Server::~Server() { Wait(); }

base::Result<void> Server::AddNodes(std::span<const base::RefPtr<Node>> nodes, std::span<uint64_t> ids) {
  base::MutexLock lock(mutex_);
  if (nodes_.size() + nodes.size() > max_nodes_) return base::Errno(ENFILE);
  for (size_t i = 0; i < nodes.size(); ++i) {
    ids[i] = ++last_id_;
    nodes_.emplace(ids[i], nodes[i]);
  }
  return {};
}

base::Result<base::RefPtr<Node>> Server::FindNode(uint64_t id) {
  base::MutexLock lock(mutex_);
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return base::Errno(EBADF);
  return found->second;
}

void Server::Forget(std::span<const uint64_t> ids) {
  // The references drop, and descriptors close, after the lock is released.
  std::vector<base::RefPtr<Node>> gone;
  gone.reserve(ids.size());
  base::MutexLock lock(mutex_);
  for (uint64_t id : ids) {
    auto found = nodes_.find(id);
    if (found == nodes_.end()) continue;
    gone.push_back(std::move(found->second));
    nodes_.erase(found);
  }
}

size_t Server::node_count() {
  base::MutexLock lock(mutex_);
  return nodes_.size();
}

base::Result<void> Server::Serve(base::UniqueFd connection) {
  base::MutexLock lock(mutex_);
  if (connections_ >= kMaxConnections) return base::Errno(ENFILE);
  ++connections_;
  std::thread([this, socket = std::move(connection)]() mutable {
    Connection(*this, std::move(socket)).Run();
    base::MutexLock lock(mutex_);
    --connections_;
    connection_ended_.NotifyAll();
  }).detach();
  return {};
}

void Server::Wait() {
  base::MutexLock lock(mutex_);
  while (connections_ != 0) connection_ended_.Wait(mutex_);
}

}  // namespace gofer
