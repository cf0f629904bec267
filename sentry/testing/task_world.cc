// SPDX-License-Identifier: Apache-2.0
#include "sentry/testing/task_world.h"

#include <signal.h>

#include <string_view>
#include <thread>

#include "sentry/futex/futex.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/credential_changes.h"
#include "vfs/mount.h"

namespace sentry {

class TaskWorld::NoPlatform : public platform::Platform {
 public:
  std::string_view name() const override { return "none"; }
  base::GuestAddr min_address() const override { return base::GuestAddr(0); }
  base::GuestAddr max_address() const override { return base::GuestAddr(0); }
  size_t extended_state_size() const override { return 512; }
  base::Result<void> Start(platform::Executor&) override { return {}; }
  std::span<platform::Receiver* const> receivers() const override { return {}; }
  base::GuestAddr host_vdso() const override { return {}; }
  platform::PlatformStats stats() const override { return {}; }
  base::Result<std::unique_ptr<platform::Container>> NewContainer() override { return base::Errno(EAGAIN); }
};

class TaskWorld::NoSyscalls : public SyscallTable {
 public:
  const SyscallEntry* Find(uint32_t) const override { return nullptr; }
};

TaskWorld::TaskWorld()
    : scheduler_({.workers = 2}),
      platform_(std::make_unique<NoPlatform>()),
      syscalls_(std::make_unique<NoSyscalls>()),
      kernel_(std::make_unique<Kernel>(Kernel::Options{}, scheduler_, *platform_, *syscalls_)),
      container_(std::make_unique<Container>("test", nullptr, nullptr, "host", "")) {
  scheduler_.Start();
}

TaskWorld::~TaskWorld() {
  Join();
  for (auto& group : groups_) group->real_timer().Set({});
  // Deliveries that were on their way hold a reference to their process until they are done.
  while (scheduler_.fiber_count() != 0) std::this_thread::yield();
  for (auto& group : groups_) {
    base::MutexLock tree(kernel_->tree_mutex());
    base::MutexLock lock(group->signal_mutex());
    group->tasks.clear();
    group->leader = nullptr;
  }
  for (auto& group : groups_) {
    base::MutexLock tree(kernel_->tree_mutex());
    for (auto& child : group->children) child->parent = nullptr;
    group->children.clear();
  }
  for (auto& group : groups_) {
    base::MutexLock tree(kernel_->tree_mutex());
    kernel_->Reap(*group);
  }
  scheduler_.Stop();
}

base::RefPtr<Task> TaskWorld::NewTask(base::RefPtr<ThreadGroup> group) {
  auto credentials = base::MakeRef<vfs::Credentials>();
  credentials->permitted = credentials->effective = credentials->bounding = kAllCapabilities;
  base::Tid tid =
      group->pid().value() != 0 && group->tasks.empty() ? base::Tid(group->pid().value()) : MUST(kernel_->ReserveTid());
  return base::MakeRef<Task>(*kernel_, tid,
                             Task::Parts{.group = group, .credentials = std::move(credentials), .name = "test"});
}

ThreadGroup& TaskWorld::NewProcess(ThreadGroup* parent) {
  base::Tid tid = MUST(kernel_->ReserveTid());
  auto group = base::MakeRef<ThreadGroup>(*kernel_, *container_, base::Pid(tid.value()),
                                          base::MakeRef<SignalHandlers>(), Limits::Values{}, SIGCHLD);
  base::RefPtr<Task> leader = NewTask(group);
  {
    base::MutexLock tree(kernel_->tree_mutex());
    kernel_->AddProcess(group, *leader, parent, parent != nullptr ? parent->process_group : nullptr);
    if (parent == nullptr) kernel_->SetProcessGroup(*group, group->pid(), base::MakeRef<Session>(group->pid()));
  }
  tasks_.push_back(leader);
  groups_.push_back(group);
  return *group;
}

Task& TaskWorld::AddThread(ThreadGroup& group) {
  base::RefPtr<Task> task = NewTask(base::RefPtr<ThreadGroup>(&group));
  base::MutexLock tree(kernel_->tree_mutex());
  base::MutexLock lock(group.signal_mutex());
  kernel_->AddTask(*task);
  group.tasks.push_back(task.get());
  tasks_.push_back(task);
  return *task;
}

void TaskWorld::MoveToOwnProcessGroup(ThreadGroup& group) {
  base::MutexLock tree(kernel_->tree_mutex());
  kernel_->SetProcessGroup(group, group.pid(), group.process_group->session);
}

void TaskWorld::Start(std::function<void()> body) {
  running_.fetch_add(1);
  bool spawned = scheduler_.Spawn([this, body = std::move(body)] {
    body();
    running_.fetch_sub(1);
    running_.notify_all();
  });
  if (!spawned) running_.fetch_sub(1);
}

void TaskWorld::Join() {
  for (int running = running_.load(); running != 0; running = running_.load()) running_.wait(running);
}

}  // namespace sentry
