// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/process_file.h"

#include <fcntl.h>
#include <poll.h>

#include <cstdio>
#include <utility>

#include "sentry/kernel.h"
#include "sentry/task/thread_group.h"
#include "vfs/pseudo/anonymous.h"

namespace sentry {

ProcessFile::ProcessFile(vfs::Path path, int flags, ThreadGroup& group)
    : FileDescription(std::move(path), flags), group_(&group) {}

base::RefPtr<ProcessFile> ProcessFile::Create(vfs::Context& context, ThreadGroup& group, int flags) {
  vfs::Path path = vfs::MakeAnonymousPath(context, 0600, "anon_inode:[pidfd]");
  return base::MakeRef<ProcessFile>(std::move(path), O_RDWR | (flags & O_NONBLOCK), group);
}

base::EventMask ProcessFile::Readiness() {
  base::MutexLock lock(group_->kernel().tree_mutex());
  if (!group_->zombie) return 0;
  bool reaped = group_->kernel().FindGroup(group_->pid()) != group_;
  return POLLIN | POLLRDNORM | (reaped ? POLLHUP : 0);
}

base::WaitQueue* ProcessFile::wait_queue() const { return &group_->thread_exit_queue(); }

std::string ProcessFile::Details() {
  base::MutexLock lock(group_->kernel().tree_mutex());
  int pid = group_->kernel().FindGroup(group_->pid()) == group_ ? group_->pid().value() : -1;
  char text[64];
  snprintf(text, sizeof(text), "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
  return text;
}

}  // namespace sentry
