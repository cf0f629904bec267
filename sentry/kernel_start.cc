// SPDX-License-Identifier: Apache-2.0
// Processes that come from outside: a container's first one, and those of `runsc exec`.
#include <signal.h>

#include <algorithm>

#include "base/log.h"
#include "sentry/fs/devpts/terminal.h"
#include "sentry/kernel.h"
#include "sentry/kernel_context.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/program_host.h"
#include "vfs/inode.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

struct FoundProgram {
  std::string path;
  base::RefPtr<vfs::FileDescription> file;
};

std::string_view PathVariable(const std::vector<std::string>& envp) {
  for (const std::string& variable : envp) {
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

// execvp(3)'s search. The file's writers are kept out until Load has it.
base::Result<FoundProgram> FindProgram(ExecCredentials& host, const std::string& name,
                                       const std::vector<std::string>& envp) {
  if (name.empty()) return base::Errno(ENOENT);
  if (name.find('/') != std::string::npos) return FoundProgram{name, TRY(host.OpenProgram(name))};
  base::Errno error(ENOENT);
  std::string_view rest = PathVariable(envp);
  while (true) {
    size_t colon = rest.find(':');
    std::string directory(rest.substr(0, colon));
    std::string candidate = (directory.empty() ? std::string(".") : directory) + "/" + name;
    auto opened = host.OpenProgram(candidate);
    if (opened.ok()) return FoundProgram{candidate, std::move(*opened)};
    if (opened.error().code() == EACCES) error = opened.error();
    if (colon == std::string_view::npos) return error;
    rest.remove_prefix(colon + 1);
  }
}

ArgumentBlock Block(const std::vector<std::string>& strings) {
  ArgumentBlock block;
  for (const std::string& text : strings) block.Append(text);
  return block;
}

}  // namespace

base::Result<void> Kernel::CheckProgram(const ProcessArguments& arguments) {
  KernelContext context(arguments.credentials, &devices_);
  vfs::Path root = arguments.container->mounts->root();
  vfs::Path cwd = TRY(vfs::EnterDirectory(context, {root, root}, arguments.cwd));
  ExecCredentials host(context, {root, cwd});
  if (arguments.argv.empty()) return base::Errno(EINVAL);
  FoundProgram program = TRY(FindProgram(host, arguments.argv[0], arguments.envp));
  program.file->inode().AllowWriters();
  return {};
}

base::Result<base::RefPtr<ThreadGroup>> Kernel::StartProcess(ProcessArguments arguments) {
  Container& container = *arguments.container;
  KernelContext context(arguments.credentials, &devices_);
  vfs::Path root = container.mounts->root();
  vfs::Path cwd = TRY(vfs::EnterDirectory(context, {root, root}, arguments.cwd));
  ExecCredentials host(context, {root, cwd});
  if (arguments.argv.empty()) return base::Errno(EINVAL);
  FoundProgram program = TRY(FindProgram(host, arguments.argv[0], arguments.envp));
  const std::string& path = program.path;
  Limits limits(arguments.limits);
  LoadArguments load = MakeLoadArguments(context, host, container, limits);
  load.file = std::move(program.file);
  load.filename = path;
  load.arguments = Block(arguments.argv);
  load.environment_variables = Block(arguments.envp);
  LoadedImage image = TRY(Load(load));
  std::unique_ptr<platform::GuestThread> guest =
      TRY(image.memory->address_space().NewThread(image.registers, platform::ExtendedState()));
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  image.memory->address_space().SetName(name.substr(0, 15));

  // The container's first process has the id 1, even if a hook has run in the container before it.
  auto take_one = [this, &container, init = arguments.init] {
    base::MutexLock tree(tree_mutex_);
    if (init || !container.init) last_id_ = std::max(last_id_, 1);
    auto [entry, fresh] = init ? ids_.try_emplace(1) : std::pair(ids_.end(), false);
    if (fresh) entry->second.reserved = true;
    return fresh;
  };
  base::Tid tid = take_one() ? base::Tid(1) : TRY(ReserveTid());
  auto group = base::MakeRef<ThreadGroup>(*this, container, base::Pid(tid.value()), base::MakeRef<SignalHandlers>(),
                                          arguments.limits, SIGCHLD);
  auto task = base::MakeRef<Task>(*this, tid,
                                  Task::Parts{.group = group,
                                              .memory = image.memory,
                                              .guest = std::move(guest),
                                              .fds = std::move(arguments.fds),
                                              .fs = base::MakeRef<FsContext>(root, cwd, arguments.umask),
                                              .credentials = host.TakeCredentials(),
                                              .name = name});
  group->did_exec = true;
  group->exited = std::move(arguments.exited);
  group->protected_init.store(arguments.init, std::memory_order_relaxed);
  {
    base::MutexLock tree(tree_mutex_);
    auto session = base::MakeRef<Session>(group->pid());
    AddProcess(group, *task, nullptr, nullptr);
    SetProcessGroup(*group, group->pid(), session);
    if (arguments.init) container.init = group;
  }
  group->cpu_limit().Update();
  if (arguments.terminal) arguments.terminal->OfferTo(*group);
  auto started = task->Start();
  if (!started.ok()) {
    task->AbandonStart();
    return started.error();
  }
  return group;
}

}  // namespace sentry
