// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"

namespace sentry {

class UnixSocket;

// The abstract names of one network namespace (unix(7)), one space for each type of socket, and all its AF_UNIX
// sockets. Thread-safe; the lock is a leaf.
class UnixNames {
 public:
  UnixNames();
  ~UnixNames();

  // EADDRINUSE.
  base::Result<void> Bind(int type, const std::string& name, UnixSocket& socket);
  // A free name of five hexadecimal digits. ENOSPC.
  base::Result<std::string> BindAny(int type, UnixSocket& socket);
  void Unbind(int type, const std::string& name, UnixSocket& socket);
  // Null when there is none.
  base::RefPtr<UnixSocket> Find(int type, const std::string& name) const;

  void Add(UnixSocket& socket);
  void Remove(UnixSocket& socket);
  std::vector<base::RefPtr<UnixSocket>> All() const;

 private:
  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  // A bound socket leaves before it ends.
  std::map<std::pair<int, std::string>, UnixSocket*> names_ ABSL_GUARDED_BY(mutex_);
  std::set<UnixSocket*> sockets_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_any_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sentry
