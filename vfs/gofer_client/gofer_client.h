// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/condvar.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/protocol/messages.h"
#include "vfs/gofer_client/descriptor_cache.h"

namespace vfs {

// The sentry's end of one gofer: a few connections, made as they are needed. All mounts of a container share one.
// Nothing the gofer says is trusted further than that it may lose the container's files: what makes no sense is EIO.
// Calls block the host thread. Thread-safe. Lock order: mutex_ is a leaf.
class GoferClient : public base::RefCounted {
 public:
  // Takes over a connected socket and greets the gofer. EPROTO: it speaks another version. EIO: it is gone or broken.
  static base::Result<base::RefPtr<GoferClient>> Connect(base::UniqueFd socket);

  size_t mount_count() const { return mounts_read_only_.size(); }
  // REQUIRES: mount < mount_count().
  bool mount_is_read_only(size_t mount) const { return mounts_read_only_[mount]; }

  // Tells the gofer, with the next request, that a node id is no longer used. Never blocks.
  void Forget(uint64_t node);

  // Descriptors of files, of all mounts together.
  DescriptorCache& descriptor_cache() { return descriptor_cache_; }
  // Requests sent so far.
  uint64_t request_count();

 private:
  struct Connection;

 public:
  // One request and its response. Holds a connection while it lives: short, one at a time on a thread, and no inode
  // is let go meanwhile.
  //
  //   GoferClient::Exchange exchange(client);
  //   exchange.Add().mutable_stat()->set_node(id);
  //   const wire::Result& result = *TRY(exchange.Run());
  class Exchange {
   public:
    explicit Exchange(GoferClient& client);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Begins another request on the same connection; what the last one brought is gone.
    void Restart();
    gofer::wire::Operation& Add();
    // Sends what was added; the result of the last operation. Its error, or that of the operation that failed
    // before it, is returned as such. EIO: the gofer is gone or answers nonsense.
    base::Result<const gofer::wire::Result*> Run();
    // After Run, whatever it returned: how many operations were tried, and their results.
    int tried() const;
    const gofer::wire::Result& result(int index) const;
    // The descriptor of a result. EIO: there is none.
    base::Result<base::UniqueFd> TakeDescriptor(int index);

   private:
    base::Result<void> Transfer();

    GoferClient& client_;
    std::unique_ptr<Connection> connection_;
  };

 protected:
  ~GoferClient() override;

 private:
  GoferClient();

  std::unique_ptr<Connection> Acquire();
  void Release(std::unique_ptr<Connection> connection);
  // Another connection, asked for on this one; null if the gofer gives none.
  std::unique_ptr<Connection> CloneOf(Connection& connection);

  static base::LockClass kLock;
  std::vector<bool> mounts_read_only_;  // Const after Connect.
  DescriptorCache descriptor_cache_;
  base::Mutex mutex_;
  base::CondVar released_;
  std::vector<std::unique_ptr<Connection>> free_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 1;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> forgotten_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vfs
