// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/gofer_client.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "gofer/protocol/channel.h"
#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/protocol/patience.h"

namespace vfs {
namespace {

namespace wire = gofer::wire;

// More would only help when as many workers wait for the gofer at once.
constexpr int kMostConnections = 8;
// Ids told to be forgotten with one request: at most 10 bytes each, well within a packet.
constexpr size_t kForgetAtOnce = 2048;
constexpr uint32_t kMaxErrno = 4095;
// How long an answer is looked for before the thread sleeps, see gofer::Patience.
constexpr int64_t kAnswerPatienceNs = gofer::Patience::kPatienceNs;

}  // namespace

struct GoferClient::Connection {
  explicit Connection(base::UniqueFd socket) : channel(std::move(socket)) {}

  gofer::Channel channel;
  bool broken = false;
  // Kept from exchange to exchange for their memory.
  wire::Request request;
  wire::Response response;
  std::vector<base::UniqueFd> descriptors;
};

constinit base::LockClass GoferClient::kLock{"GoferClient::mutex_"};

GoferClient::GoferClient() : mutex_(kLock) {}
GoferClient::~GoferClient() = default;

base::Result<base::RefPtr<GoferClient>> GoferClient::Connect(base::UniqueFd socket) {
  auto client = base::AdoptRef(new GoferClient);
  {
    base::MutexLock lock(client->mutex_);
    client->free_.push_back(std::make_unique<Connection>(std::move(socket)));
  }
  Exchange exchange(*client);
  exchange.Add().mutable_hello()->set_version(gofer::kProtocolVersion);
  const wire::Result& result = *TRY(exchange.Run());
  if (result.hello().version() != gofer::kProtocolVersion) return base::Errno(EPROTO);
  for (const wire::Mount& mount : result.hello().mounts()) client->mounts_read_only_.push_back(mount.read_only());
  return client;
}

void GoferClient::Forget(uint64_t node) {
  base::MutexLock lock(mutex_);
  forgotten_.push_back(node);
}

uint64_t GoferClient::request_count() {
  base::MutexLock lock(mutex_);
  return requests_;
}

std::unique_ptr<GoferClient::Connection> GoferClient::Acquire() {
  base::MutexLock lock(mutex_);
  while (free_.empty()) {
    ++waiting_;
    released_.Wait(mutex_);
    --waiting_;
  }
  std::unique_ptr<Connection> connection = std::move(free_.back());
  free_.pop_back();
  return connection;
}

void GoferClient::Release(std::unique_ptr<Connection> connection) {
  bool make_another = false;
  {
    base::MutexLock lock(mutex_);
    if (waiting_ > 0 && connections_ < kMostConnections && !connection->broken) {
      ++connections_;
      make_another = true;
    }
  }
  // Somebody waited: the next time there shall be one more.
  std::unique_ptr<Connection> another = make_another ? CloneOf(*connection) : nullptr;
  base::MutexLock lock(mutex_);
  if (make_another && another == nullptr) --connections_;
  if (another != nullptr) free_.push_back(std::move(another));
  // The last connection stays though it is broken: every call on it fails at once.
  if (connection->broken && connections_ > 1) {
    --connections_;
    connection.reset();
  } else {
    free_.push_back(std::move(connection));
  }
  released_.NotifyAll();
}

std::unique_ptr<GoferClient::Connection> GoferClient::CloneOf(Connection& connection) {
  connection.request.Clear();
  connection.request.add_operations()->mutable_clone();
  if (!connection.channel.Send(connection.request, {}).ok() ||
      !connection.channel.Receive(connection.response, connection.descriptors).ok()) {
    connection.broken = true;
    return nullptr;
  }
  if (connection.descriptors.size() != 1) return nullptr;
  auto another = std::make_unique<Connection>(std::move(connection.descriptors[0]));
  connection.descriptors.clear();
  another->request.add_operations()->mutable_hello()->set_version(gofer::kProtocolVersion);
  if (!another->channel.Send(another->request, {}).ok() ||
      !another->channel.Receive(another->response, another->descriptors).ok() ||
      another->response.results_size() != 1 || another->response.results(0).error() != 0) {
    return nullptr;
  }
  return another;
}

GoferClient::Exchange::Exchange(GoferClient& client) : client_(client), connection_(client.Acquire()) { Restart(); }

GoferClient::Exchange::~Exchange() {
  connection_->descriptors.clear();
  client_.Release(std::move(connection_));
}

void GoferClient::Exchange::Restart() {
  connection_->request.Clear();
  connection_->response.Clear();
  connection_->descriptors.clear();
}

wire::Operation& GoferClient::Exchange::Add() { return *connection_->request.add_operations(); }
int GoferClient::Exchange::tried() const { return connection_->response.results_size(); }
const wire::Result& GoferClient::Exchange::result(int index) const { return connection_->response.results(index); }

base::Result<void> GoferClient::Exchange::Transfer() {
  if (connection_->broken) return base::Errno(EIO);
  {
    base::MutexLock lock(client_.mutex_);
    ++client_.requests_;
    size_t count = std::min(client_.forgotten_.size(), kForgetAtOnce);
    auto first = client_.forgotten_.end() - static_cast<ptrdiff_t>(count);
    connection_->request.mutable_forget()->Add(first, client_.forgotten_.end());
    client_.forgotten_.erase(first, client_.forgotten_.end());
  }
  base::Result<void> sent = connection_->channel.Send(connection_->request, {});
  // Too long is the request's fault (a value or name the caller let through), not the connection's.
  if (!sent.ok() && sent.error().code() == EMSGSIZE) return base::Errno(E2BIG);
  if (!sent.ok() ||
      !connection_->channel.Receive(connection_->response, connection_->descriptors, kAnswerPatienceNs).ok()) {
    connection_->broken = true;
    RUNSC_WARN_ONCE("gofer: connection lost");
    return base::Errno(EIO);
  }
  return {};
}

base::Result<const wire::Result*> GoferClient::Exchange::Run() {
  TRY(Transfer());
  const wire::Response& response = connection_->response;
  int asked = connection_->request.operations_size();
  if (response.results_size() < 1 || response.results_size() > asked) return base::Errno(EIO);
  const wire::Result& last = response.results(response.results_size() - 1);
  if (last.error() > kMaxErrno) return base::Errno(EIO);
  if (last.error() != 0) return base::Errno(static_cast<int>(last.error()));
  // Cut short though nothing failed: no batch of ours is so long that it must be.
  if (response.results_size() != asked) return base::Errno(EIO);
  return &last;
}

base::Result<base::UniqueFd> GoferClient::Exchange::TakeDescriptor(int index) {
  if (index >= tried() || !result(index).descriptor()) return base::Errno(EIO);
  size_t position = 0;
  for (int i = 0; i < index; ++i) position += result(i).descriptor() ? 1 : 0;
  if (position >= connection_->descriptors.size() || !connection_->descriptors[position]) return base::Errno(EIO);
  return std::move(connection_->descriptors[position]);
}

}  // namespace vfs
