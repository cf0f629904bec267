// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/net/socket/socket_message.h"
#include "vfs/file_description.h"

namespace sentry {

class UnixSocket;

// Descriptions on their way in one message (SCM_RIGHTS), with the queue they are bound for. What is not received is
// closed with it. Not thread-safe: the queue's lock guards it.
//
// Sockets can hold each other in their queues without anybody being able to read them any more. Therefore every AF_UNIX
// socket on its way is known, with the queues that hold it; a search finds those that only such queues lead
// to (Linux: net/unix/garbage.c) and empties theirs. Why it is safe: a socket is kept when its description has a
// reference that is no message's, or when the queue of a kept one holds it. A reference that is no message's is only
// made from another one, or by taking a message out of a queue, which counts as held until Receive, under the lock of
// the search.
//
// Lock order: a socket's locks < the lock of all that is on its way.
class UnixRights {
 public:
  UnixRights() = default;
  // ETOOMANYREFS: the user has more descriptors on their way than `caller` may have open.
  static base::Result<UnixRights> Send(const SocketCaller& caller,
                                       std::vector<base::RefPtr<vfs::FileDescription>> files, UnixSocket& holder);
  UnixRights(UnixRights&& other) noexcept;
  UnixRights& operator=(UnixRights&& other) noexcept;
  ~UnixRights();

  bool empty() const { return files_.empty(); }
  // They have arrived.
  std::vector<base::RefPtr<vfs::FileDescription>> Receive();
  // MSG_PEEK.
  const std::vector<base::RefPtr<vfs::FileDescription>>& files() const { return files_; }

 private:
  void Leave();

  std::vector<base::RefPtr<vfs::FileDescription>> files_;
  UnixSocket* holder_ = nullptr;  // Lives longer than its queue and those who send to it.
  base::KUid user_;
};

// Empties the queues that nobody can read any more. With no lock held.
void CollectUnixGarbage();
// A socket was closed: time to look for garbage, or soon. With no lock held; cheap when no socket is on its way.
void NoteUnixSocketEnd();

}  // namespace sentry
