// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/unix/unix_names.h"

#include <cstdio>

#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {
namespace {

constexpr uint32_t kAnyNames = 1u << 20;  // Five hexadecimal digits.

}  // namespace

constinit base::LockClass UnixNames::kLock{"UnixNames::mutex_"};

UnixNames::UnixNames() : mutex_(kLock) {}
UnixNames::~UnixNames() = default;

base::Result<void> UnixNames::Bind(int type, const std::string& name, UnixSocket& socket) {
  base::MutexLock lock(mutex_);
  if (!names_.try_emplace({type, name}, &socket).second) return base::Errno(EADDRINUSE);
  return {};
}

base::Result<std::string> UnixNames::BindAny(int type, UnixSocket& socket) {
  base::MutexLock lock(mutex_);
  for (uint32_t tried = 0; tried < kAnyNames; ++tried) {
    char name[8];
    snprintf(name, sizeof(name), "%05x", next_any_);
    next_any_ = (next_any_ + 1) % kAnyNames;
    if (names_.try_emplace({type, name}, &socket).second) return std::string(name);
  }
  return base::Errno(ENOSPC);
}

void UnixNames::Unbind(int type, const std::string& name, UnixSocket& socket) {
  base::MutexLock lock(mutex_);
  auto at = names_.find({type, name});
  if (at != names_.end() && at->second == &socket) names_.erase(at);
}

base::RefPtr<UnixSocket> UnixNames::Find(int type, const std::string& name) const {
  base::MutexLock lock(mutex_);
  auto at = names_.find({type, name});
  return at != names_.end() && at->second->TryRef() ? base::AdoptRef(at->second) : nullptr;
}

void UnixNames::Add(UnixSocket& socket) {
  base::MutexLock lock(mutex_);
  sockets_.insert(&socket);
}

void UnixNames::Remove(UnixSocket& socket) {
  base::MutexLock lock(mutex_);
  sockets_.erase(&socket);
}

std::vector<base::RefPtr<UnixSocket>> UnixNames::All() const {
  std::vector<base::RefPtr<UnixSocket>> all;
  base::MutexLock lock(mutex_);
  for (UnixSocket* socket : sockets_) {
    if (socket->TryRef()) all.push_back(base::AdoptRef(socket));
  }
  return all;
}

}  // namespace sentry
