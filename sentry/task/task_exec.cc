// SPDX-License-Identifier: Apache-2.0
// execve(2): a new address space takes the place of the old one.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sentry/kernel.h"
#include "sentry/loader/loader.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/completion.h"
#include "sentry/task/program_host.h"
#include "sentry/task/task.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

std::string_view BaseName(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

base::SysResult<void> Task::Exec(ExecArguments arguments) {
  vfs::StartPoint start{fs_->root(), arguments.directory ? arguments.directory : fs_->cwd()};
  base::RefPtr<vfs::FileDescription> file;
  if (arguments.path.empty()) {
    if ((arguments.flags & AT_EMPTY_PATH) == 0) return base::Errno(ENOENT);
    file = TRY(vfs::OpenPath(*this, start.start, {.flags = O_RDONLY, .for_exec = true}));
  } else {
    int flags = O_RDONLY | ((arguments.flags & AT_SYMLINK_NOFOLLOW) != 0 ? O_NOFOLLOW : 0);
    file = TRY(vfs::Open(*this, start, arguments.path, {.flags = flags, .for_exec = true}));
  }
  ExecCredentials host(*this, vfs::StartPoint{fs_->root(), fs_->cwd()});
  LoadArguments load = kernel_.MakeLoadArguments(*this, host, container(), group_->limits());
  load.file = std::move(file);
  load.filename = arguments.path;
  load.arguments = std::move(arguments.argv);
  load.environment_variables = std::move(arguments.envp);
  LoadedImage image = TRY(Load(load));
  std::unique_ptr<platform::GuestThread> guest =
      TRY(image.memory->address_space().NewThread(image.registers, platform::ExtendedState()));

  // From here on it cannot fail.
  if (!BecomeOnlyThread()) return base::Restart::kNoIntr;
  group_->timers().DeleteAll();
  group_->ChangeStub(*memory_, *image.memory);
  ReleaseMemory();
  base::RefPtr<MemoryManager> memory = image.memory;
  bool shared_fds = fds_->reference_count() > 1;
  base::RefPtr<FdTable> fds = shared_fds ? fds_->Copy() : fds_;
  {
    base::MutexLock lock(mutex_);
    std::swap(guest_, guest);
    std::swap(memory_, memory);
    std::swap(fds_, fds);
  }
  guest.reset();
  memory = nullptr;
  fds = nullptr;
  if (vfork_done_) {
    vfork_done_->Complete();
    vfork_done_ = nullptr;
  }
  fds_->CloseOnExecAll(*this);
  group_->set_handlers(group_->handlers()->CopyForExec());
  alternate_stack_.sp = 0;
  alternate_stack_.size = 0;
  SetCredentials(host.TakeCredentials());
  if (host.privileged()) parent_death_signal = 0;
  dumpable = !host.privileged();
  restart_block = nullptr;
  std::string name(BaseName(load.filename));
  set_name(name);
  memory_->address_space().SetName(name.substr(0, 15));
  {
    base::MutexLock tree(kernel_.tree_mutex());
    group_->did_exec = true;
  }
  return {};
}

bool Task::BecomeOnlyThread() {
  std::vector<base::RefPtr<Task>> others;
  {
    base::MutexLock lock(group_->signal_mutex_);
    if (group_->group_exiting() || group_->exec_task_ != nullptr) return false;
    group_->exec_task_ = this;
    for (Task* task : group_->tasks) {
      if (task != this) others.emplace_back(task);
    }
  }
  for (auto& task : others) {
    task->exit_requested_.store(true, std::memory_order_release);
    task->Interrupt();
  }
  others.clear();
  {
    WakeFlag flag(*this);
    FlagWaiter waiter(flag, &group_->thread_exit_, POLLIN);
    while (true) {
      flag.Clear();
      {
        base::MutexLock lock(group_->signal_mutex_);
        if (group_->tasks.size() == 1) break;
      }
      if (Block(flag, base::kForever, /*interruptible=*/false) == BlockOutcome::kInterrupted) {
        base::MutexLock lock(group_->signal_mutex_);
        group_->exec_task_ = nullptr;
        return false;
      }
    }
  }
  base::MutexLock tree(kernel_.tree_mutex());
  base::MutexLock lock(group_->signal_mutex_);
  group_->exec_task_ = nullptr;
  if (group_->leader == nullptr) kernel_.TakeOverLeadership(*this);
  return true;
}

}  // namespace sentry
