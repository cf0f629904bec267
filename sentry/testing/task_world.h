// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/ref.h"
#include "platform/platform.h"
#include "sentry/kernel.h"
#include "sentry/sched/scheduler.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {

// A kernel with processes that have neither memory nor guest code: for tests of what the kernel keeps about tasks.
// Task functions that want the task's own fiber run in `On`.
class TaskWorld {
 public:
  TaskWorld();
  ~TaskWorld();

  Kernel& kernel() { return *kernel_; }
  Container& container() { return *container_; }
  // A process with one thread, in its parent's process group, or in a session of its own if `parent` is null.
  // All capabilities, user 0.
  ThreadGroup& NewProcess(ThreadGroup* parent = nullptr);
  Task& AddThread(ThreadGroup& group);
  // Into a process group of its own, in the same session.
  void MoveToOwnProcessGroup(ThreadGroup& group);

  // Runs `body` on a fiber and waits for its end.
  void On(const std::function<void()>& body) { scheduler_.RunOnFiber(body); }
  // Runs `body` on a fiber, concurrently; Join waits for all.
  void Start(std::function<void()> body);
  void Join();

 private:
  class NoPlatform;
  class NoSyscalls;

  base::RefPtr<Task> NewTask(base::RefPtr<ThreadGroup> group);

  Scheduler scheduler_;
  std::unique_ptr<NoPlatform> platform_;
  std::unique_ptr<NoSyscalls> syscalls_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Container> container_;
  std::vector<base::RefPtr<ThreadGroup>> groups_;
  std::vector<base::RefPtr<Task>> tasks_;
  std::atomic<int> running_{0};
};

}  // namespace sentry
