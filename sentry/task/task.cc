// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/task.h"

#include <algorithm>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/completion.h"

namespace sentry {
namespace {

constexpr size_t kMaxName = 15;

}  // namespace

constinit base::LockClass Task::kLock{"Task::mutex_"};
constinit base::LockClass Task::kSchedulingLock{"Task::scheduling_"};

Task::Task(Kernel& kernel, base::Tid tid, Parts parts)
    : kernel_(kernel),
      tid_(tid.value()),
      group_(std::move(parts.group)),
      start_time_ns_(base::MonotonicNow()),
      mutex_(kLock),
      memory_(std::move(parts.memory)),
      fds_(std::move(parts.fds)),
      fs_(std::move(parts.fs)),
      credentials_(std::move(parts.credentials)),
      name_(parts.name.substr(0, kMaxName)),
      guest_(std::move(parts.guest)),
      parker_(kernel.scheduler()),
      scheduling_(kSchedulingLock),
      mask_(parts.signal_mask) {
  if (memory_) group_->SetStub(*memory_);
  kernel_.task_count_.fetch_add(1, std::memory_order_relaxed);
}

Task::~Task() { kernel_.task_count_.fetch_sub(1, std::memory_order_relaxed); }

Container& Task::container() const { return group_->container(); }

base::Result<base::Fd> Task::InstallFd(base::RefPtr<vfs::FileDescription> file, bool close_on_exec) {
  return fds_->Install(std::move(file), close_on_exec, group_->limits().Soft(RLIMIT_NOFILE));
}

void Task::UnshareFds() {
  if (fds_->reference_count() == 1) return;
  base::RefPtr<FdTable> copy = fds_->Copy();
  base::MutexLock lock(mutex_);
  std::swap(fds_, copy);
}

base::RefPtr<MemoryManager> Task::SharedMemory() const {
  base::MutexLock lock(mutex_);
  return memory_;
}

base::RefPtr<FdTable> Task::SharedFds() const {
  base::MutexLock lock(mutex_);
  return fds_;
}

base::RefPtr<FsContext> Task::SharedFs() const {
  base::MutexLock lock(mutex_);
  return fs_;
}

base::RefPtr<vfs::Credentials> Task::SharedCredentials() const {
  base::MutexLock lock(mutex_);
  return credentials_;
}

base::abi::SignalSet Task::SharedSignalMask() const {
  base::MutexLock lock(group_->signal_mutex());
  return mask_;
}

bool Task::running() const {
  base::MutexLock lock(mutex_);
  return in_guest_;
}

std::string Task::name() const {
  base::MutexLock lock(mutex_);
  return name_;
}

void Task::set_name(std::string_view name) {
  base::MutexLock lock(mutex_);
  name_ = name.substr(0, kMaxName);
}

void Task::InheritScheduling(Task& parent) {
  Scheduling inherited = parent.scheduling_.With([](const Scheduling& scheduling) { return scheduling; });
  if (std::exchange(inherited.reset_on_fork, false)) inherited.nice = std::max(inherited.nice, 0);
  scheduling_.With([&](Scheduling& scheduling) { scheduling = inherited; });
}

void Task::SetCredentials(base::RefPtr<vfs::Credentials> credentials) {
  base::MutexLock lock(mutex_);
  std::swap(credentials_, credentials);
}

base::RefPtr<vfs::Credentials> Task::CopyCredentials() const { return credentials_->Copy(); }

int32_t Task::process_id() const { return group_->pid().value(); }

uint64_t Task::file_size_limit() const { return group_->limits().Soft(RLIMIT_FSIZE); }

int64_t Task::RealtimeNow() const { return base::RealtimeNow(); }

const vfs::DeviceTable* Task::device_table() const { return &kernel_.devices(); }

vfs::UserMemory& Task::user_memory() { return memory_->memory(); }

}  // namespace sentry
