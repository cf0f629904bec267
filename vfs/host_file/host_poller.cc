// SPDX-License-Identifier: Apache-2.0
#include "vfs/host_file/host_poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace vfs {
namespace {

constexpr uint64_t kWakeId = 0;

}  // namespace

HostPoller::HostPoller(std::unique_ptr<State> state) : state_(std::move(state)) {}

base::Result<std::unique_ptr<HostPoller>> HostPoller::Create() {
  auto state = std::make_unique<State>();
  state->epoll = base::UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll) return base::Errno(errno);
  state->wake = base::UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!state->wake) return base::Errno(errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeId;
  if (epoll_ctl(state->epoll.get(), EPOLL_CTL_ADD, state->wake.get(), &event) != 0) return base::Errno(errno);
  State* raw = state.get();
  state->thread = std::thread([raw] { raw->Run(); });
  return std::unique_ptr<HostPoller>(new HostPoller(std::move(state)));
}

HostPoller::~HostPoller() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(state_->wake.get(), &one, sizeof(one));
  state_->thread.join();
}

void HostPoller::State::Run() {
  epoll_event events[16];
  while (true) {
    int count = epoll_wait(epoll.get(), events, 16, -1);
    for (int i = 0; i < count; ++i) {
      uint64_t id = events[i].data.u64;  // Packed: nothing may refer to it.
      if (id == kWakeId) return;
      base::MutexLock lock(mutex_);
      auto found = files_.find(id);
      if (found != files_.end()) found->second->queue().Notify(events[i].events);
    }
  }
}

HostPoller::Watched::Watched(HostPoller::State& state, int fd) : state_(state), fd_(fd) {
  base::MutexLock lock(state_.mutex_);
  id_ = state_.next_id_++;
  epoll_event event{};
  event.events = EPOLLONESHOT;
  event.data.u64 = id_;
  watchable_ = epoll_ctl(state_.epoll.get(), EPOLL_CTL_ADD, fd_, &event) == 0;
  if (watchable_) state_.files_[id_] = this;
}

HostPoller::Watched::~Watched() {
  if (!watchable_) return;
  epoll_ctl(state_.epoll.get(), EPOLL_CTL_DEL, fd_, nullptr);
  base::MutexLock lock(state_.mutex_);
  state_.files_.erase(id_);
}

void HostPoller::Watched::Arm(uint32_t events) {
  if (!watchable_) return;
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = id_;
  epoll_ctl(state_.epoll.get(), EPOLL_CTL_MOD, fd_, &event);
}

}  // namespace vfs
