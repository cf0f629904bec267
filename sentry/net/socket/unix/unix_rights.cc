// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/unix/unix_rights.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"
#include "sentry/net/socket/socket_description.h"
#include "sentry/net/socket/unix/unix_socket.h"
#include "vfs/permission.h"

namespace sentry {
namespace {

using Files = std::vector<base::RefPtr<vfs::FileDescription>>;

constinit base::LockClass kLock{"UnixRights"};
// Searches are as rare as sockets on their way are many, so that their cost for one end of a socket stays the same.
constexpr size_t kEndsPerSearch = 8;

// All that is on its way, in all namespaces.
struct InFlight {
  base::Mutex mutex{kLock};
  // In how many messages a socket is.
  std::unordered_map<UnixSocket*, size_t> sockets ABSL_GUARDED_BY(mutex);
  // The sockets in a queue's messages, each as often as it is there.
  std::unordered_map<UnixSocket*, std::vector<UnixSocket*>> held ABSL_GUARDED_BY(mutex);
  std::unordered_map<base::KUid, size_t> by_user ABSL_GUARDED_BY(mutex);
  // Descriptions nobody received, to be closed one after the other: not by recursion, since a guest can make long
  // chains of sockets that hold each other.
  Files graveyard ABSL_GUARDED_BY(mutex);
  bool burying ABSL_GUARDED_BY(mutex) = false;
  size_t ends_since_search ABSL_GUARDED_BY(mutex) = 0;
  std::atomic<size_t> socket_count{0};
};

InFlight& TheInFlight() {
  static InFlight& all = *new InFlight;
  return all;
}

UnixSocket* UnixSocketOf(vfs::FileDescription& file) {
  if (file.kind() != vfs::FileKind::kSocket) return nullptr;
  Socket& socket = static_cast<SocketDescription&>(file).socket();
  return socket.kind().family == AF_UNIX ? static_cast<UnixSocket*>(&socket) : nullptr;
}

void Bury(Files files) {
  InFlight& all = TheInFlight();
  {
    base::MutexLock lock(all.mutex);
    std::move(files.begin(), files.end(), std::back_inserter(all.graveyard));
    if (all.burying) return;
    all.burying = true;
  }
  while (true) {
    Files now;
    {
      base::MutexLock lock(all.mutex);
      now.swap(all.graveyard);
      all.burying = !now.empty();
    }
    if (now.empty()) return;
  }
}

}  // namespace

base::Result<UnixRights> UnixRights::Send(const SocketCaller& caller, Files files, UnixSocket& holder) {
  UnixRights rights;
  if (files.empty()) return rights;
  const vfs::Credentials& who = caller.context.credentials();
  bool unlimited = who.HasCapability(vfs::kCapSysResource) || who.HasCapability(vfs::kCapSysAdmin);
  InFlight& all = TheInFlight();
  base::MutexLock lock(all.mutex);
  size_t& of_user = all.by_user[who.ruid];
  if (!unlimited && of_user > caller.descriptor_limit) return base::Errno(ETOOMANYREFS);
  of_user += files.size();
  for (const auto& file : files) {
    UnixSocket* socket = UnixSocketOf(*file);
    if (socket == nullptr) continue;
    ++all.sockets[socket];
    all.held[&holder].push_back(socket);
  }
  all.socket_count = all.sockets.size();
  rights.files_ = std::move(files);
  rights.holder_ = &holder;
  rights.user_ = who.ruid;
  return rights;
}

UnixRights::UnixRights(UnixRights&& other) noexcept
    : files_(std::exchange(other.files_, {})), holder_(std::exchange(other.holder_, nullptr)), user_(other.user_) {}

UnixRights& UnixRights::operator=(UnixRights&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(holder_, other.holder_);
  std::swap(user_, other.user_);
  return *this;
}

UnixRights::~UnixRights() {
  if (files_.empty()) return;
  Leave();
  Bury(std::move(files_));
}

Files UnixRights::Receive() {
  if (files_.empty()) return {};
  Leave();
  return std::exchange(files_, {});
}

void UnixRights::Leave() {
  InFlight& all = TheInFlight();
  base::MutexLock lock(all.mutex);
  auto user = all.by_user.find(user_);
  if ((user->second -= files_.size()) == 0) all.by_user.erase(user);
  auto held = all.held.find(holder_);
  for (const auto& file : files_) {
    UnixSocket* socket = UnixSocketOf(*file);
    if (socket == nullptr) continue;
    auto messages = all.sockets.find(socket);
    if (--messages->second == 0) all.sockets.erase(messages);
    held->second.erase(std::find(held->second.begin(), held->second.end(), socket));
  }
  if (held != all.held.end() && held->second.empty()) all.held.erase(held);
  all.socket_count = all.sockets.size();
}

void NoteUnixSocketEnd() {
  InFlight& all = TheInFlight();
  if (all.socket_count.load(std::memory_order_relaxed) == 0) return;
  {
    base::MutexLock lock(all.mutex);
    if (++all.ends_since_search * kEndsPerSearch < all.sockets.size()) return;
    all.ends_since_search = 0;
  }
  CollectUnixGarbage();
}

void CollectUnixGarbage() {
  InFlight& all = TheInFlight();
  std::vector<base::RefPtr<UnixSocket>> garbage;
  {
    base::MutexLock lock(all.mutex);
    // What can be read by whoever has a socket: what its own queue holds, and those of connections not accepted yet.
    std::unordered_map<UnixSocket*, std::vector<UnixSocket*>> reachable;
    std::unordered_set<UnixSocket*> kept;
    std::vector<UnixSocket*> to_visit;
    for (const auto& [holder, sockets] : all.held) {
      UnixSocket* owner = holder->listener() != nullptr ? holder->listener() : holder;
      if (all.sockets.count(owner) == 0 && kept.insert(owner).second) to_visit.push_back(owner);
      auto& list = reachable[owner];
      list.insert(list.end(), sockets.begin(), sockets.end());
    }
    for (const auto& [socket, messages] : all.sockets) {
      if (socket->description()->reference_count() > messages && kept.insert(socket).second) to_visit.push_back(socket);
    }
    while (!to_visit.empty()) {
      UnixSocket* next = to_visit.back();
      to_visit.pop_back();
      auto list = reachable.find(next);
      if (list == reachable.end()) continue;
      for (UnixSocket* socket : list->second) {
        if (kept.insert(socket).second) to_visit.push_back(socket);
      }
    }
    // On its way, so alive: its messages hold its description.
    for (const auto& [socket, messages] : all.sockets) {
      if (kept.count(socket) == 0) garbage.emplace_back(socket);
    }
  }
  for (const auto& socket : garbage) socket->DropQueue();
}

}  // namespace sentry
