// SPDX-License-Identifier: Apache-2.0
#include "runsc/control/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/mutex.h"
#include "runsc/control/connection.h"

namespace runsc::control {
namespace {

// Each `exec` that runs holds one.
constexpr size_t kMaxConnections = 4096;

base::LockClass completions_lock{"control::Server::State::mutex_"};

struct Completion {
  uint64_t connection;
  uint64_t sequence;
  int wait_status;
};

}  // namespace

class Server::State : public std::enable_shared_from_this<State> {
 public:
  State(base::UniqueFd listener, base::UniqueFd wake, int gofer, bool allow_own_uid, SandboxControl& control)
      : listener_(std::move(listener)),
        wake_(std::move(wake)),
        gofer_(gofer),
        allow_own_uid_(allow_own_uid),
        control_(control) {}

  Status StartThread() {
    auto run = [](void* state) -> void* {
      static_cast<State*>(state)->Run();
      return nullptr;
    };
    int error = pthread_create(&thread_, nullptr, run, this);
    if (error != 0) return SystemError("starting the control thread", error);
    thread_runs_ = true;
    return absl::OkStatus();
  }
  void StopThread() {
    if (!thread_runs_) return;
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    Wake();
    pthread_join(thread_, nullptr);
    thread_runs_ = false;
  }

 private:
  void Run();
  void Accept();
  void DeliverCompletions();
  bool stopping();
  void Wake() {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(wake_.get(), &one, sizeof(one));
  }
  ExitCallback Completer(uint64_t connection, uint64_t sequence) {
    return [weak = weak_from_this(), connection, sequence](int wait_status) {
      std::shared_ptr<State> state = weak.lock();
      if (!state) return;
      {
        base::MutexLock lock(state->mutex_);
        state->completions_.push_back({connection, sequence, wait_status});
      }
      state->Wake();
    };
  }

  // Const after construction.
  const base::UniqueFd listener_;
  const base::UniqueFd wake_;
  const int gofer_;
  const bool allow_own_uid_;
  SandboxControl& control_;

  // The thread's own.
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t last_connection_ = 0;
  bool gofer_watched_ = true;

  base::Mutex mutex_{completions_lock};
  std::vector<Completion> completions_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of whoever starts and stops the server.
  pthread_t thread_{};
  bool thread_runs_ = false;
};

bool Server::State::stopping() {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void Server::State::Run() {
  constexpr size_t kFixed = 3;
  while (!stopping()) {
    std::vector<struct pollfd> poll_fds = {
        {wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}, {gofer_watched_ ? gofer_ : -1, 0, 0}};
    std::vector<uint64_t> ids;
    for (const auto& [id, connection] : connections_) {
      poll_fds.push_back({connection->fd(), POLLIN, 0});
      ids.push_back(id);
    }
    if (poll(poll_fds.data(), poll_fds.size(), -1) < 0 && errno != EINTR) return;
    if (poll_fds[0].revents != 0) {
      uint64_t count;
      [[maybe_unused]] ssize_t got = read(wake_.get(), &count, sizeof(count));
    }
    if (poll_fds[2].revents != 0) {
      gofer_watched_ = false;
      control_.Shutdown();
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      if (poll_fds[kFixed + i].revents != 0 && !connections_[ids[i]]->Serve()) connections_.erase(ids[i]);
    }
    DeliverCompletions();
    if (poll_fds[1].revents != 0) Accept();
  }
  DeliverCompletions();
  connections_.clear();
}

void Server::State::DeliverCompletions() {
  std::vector<Completion> completions;
  {
    base::MutexLock lock(mutex_);
    completions.swap(completions_);
  }
  for (const Completion& completion : completions) {
    auto it = connections_.find(completion.connection);
    if (it == connections_.end()) continue;
    if (!it->second->SendExited(completion.sequence, completion.wait_status)) connections_.erase(it);
  }
}

void Server::State::Accept() {
  base::UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket || connections_.size() >= kMaxConnections) return;
  struct ucred peer;
  socklen_t size = sizeof(peer);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (!allow_own_uid_ && peer.uid == geteuid()) return;
  uint64_t id = ++last_connection_;
  connections_[id] = std::make_unique<Connection>(
      id, std::move(socket), control_,
      [this](uint64_t connection, uint64_t sequence) { return Completer(connection, sequence); });
}

StatusOr<std::unique_ptr<Server>> Server::Create(base::UniqueFd listener, int gofer, bool allow_own_uid,
                                                 SandboxControl& control) {
  base::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return SystemError("eventfd");
  return std::unique_ptr<Server>(
      new Server(std::make_shared<State>(std::move(listener), std::move(wake), gofer, allow_own_uid, control)));
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() { state_->StopThread(); }

Status Server::Start() { return state_->StartThread(); }

void Server::Finish() { state_->StopThread(); }

}  // namespace runsc::control
