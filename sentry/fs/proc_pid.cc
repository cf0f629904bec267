// SPDX-License-Identifier: Apache-2.0
// /proc/PID and /proc/PID/task/TID: directories and links. The texts are in proc_text_*.cc.
#include "sentry/fs/proc_pid.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

#include "absl/strings/str_cat.h"
#include "sentry/fs/proc_text.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

using vfs::DirectoryInode;
using vfs::LinkInode;
using vfs::TextInode;
using FilesystemRef = base::RefPtr<vfs::PseudoFilesystem>;

std::optional<int> ParseId(std::string_view name) {
  int id = 0;
  auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
  bool canonical = !name.empty() && (name[0] != '0' || name.size() == 1);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || !canonical) return std::nullopt;
  return id;
}

base::RefPtr<ThreadGroup> FindGroup(Kernel& kernel, int pid) {
  base::MutexLock lock(kernel.tree_mutex());
  return kernel.FindGroup(base::Pid(pid));
}

base::RefPtr<Task> FindTask(Kernel& kernel, int tid) {
  base::MutexLock lock(kernel.tree_mutex());
  return kernel.FindTask(base::Tid(tid));
}

// Any live thread of a process, the leader if it lives.
base::RefPtr<Task> AnyTask(ThreadGroup& group) {
  base::MutexLock lock(group.kernel().tree_mutex());
  Task* task = group.leader != nullptr ? group.leader : group.tasks.empty() ? nullptr : group.tasks.front();
  return task != nullptr && task->TryRef() ? base::AdoptRef(task) : nullptr;
}

// One thread's (or, with tid 0, one process's) files. Holds ids, not objects: what is gone is ENOENT or ESRCH.
class ProcDirectory {
 public:
  ProcDirectory(Kernel& kernel, FilesystemRef filesystem, base::RefPtr<ThreadGroup> group, int tid)
      : kernel_(kernel), filesystem_(std::move(filesystem)), group_(std::move(group)), tid_(tid) {}

  base::RefPtr<DirectoryInode> Make() {
    directory_ = NewDirectory(0555);
    Text("stat", 0444, [whole = tid_ == 0](ThreadGroup& group, Task* task) { return ProcPidStat(group, task, whole); });
    Text("status", 0444, [](ThreadGroup& group, Task* task) { return ProcPidStatus(group, task); });
    TaskText("statm", 0444, [](Task& task) { return ProcPidStatm(task); });
    TaskText("maps", 0444, [](Task& task) { return ProcPidMaps(task, RootOf(task)); });
    TaskText("smaps", 0444, [](Task& task) { return ProcPidSmaps(task, RootOf(task)); });
    TaskText("cmdline", 0444, [](Task& task) { return ProcPidCmdline(task); });
    TaskText("environ", 0400, [](Task& task) { return ProcPidEnviron(task); });
    TaskText("auxv", 0400, [](Task& task) { return ProcPidAuxv(task); });
    Text("limits", 0444, [](ThreadGroup& group, Task*) { return ProcPidLimits(group); });
    TaskText("comm", 0644, [](Task& task) { return ProcPidComm(task); });
    TaskText("io", 0400, [](Task& task) { return ProcPidIo(task); });
    TaskText("cgroup", 0444, [](Task& task) { return ProcPidCgroup(task); });
    TaskText("mounts", 0444, [](Task& task) { return ProcPidMounts(task); });
    TaskText("mountinfo", 0444, [](Task& task) { return ProcPidMountinfo(task); });
    Text("uid_map", 0644, [](ThreadGroup&, Task*) { return ProcPidIdMap(); });
    Text("gid_map", 0644, [](ThreadGroup&, Task*) { return ProcPidIdMap(); });
    Text("setgroups", 0644, [](ThreadGroup&, Task*) { return std::string("allow\n"); });
    Text("oom_score", 0444, [](ThreadGroup&, Task*) { return std::string("0\n"); });
    Text("oom_score_adj", 0644, [](ThreadGroup&, Task*) { return std::string("0\n"); });
    Text("loginuid", 0644, [](ThreadGroup&, Task*) { return std::string("4294967295\n"); });
    Text("wchan", 0444, [](ThreadGroup&, Task*) { return std::string("0"); });
    PathLink("exe", [](Task& task) -> base::Result<vfs::Path> {
      base::RefPtr<MemoryManager> memory = task.SharedMemory();
      base::RefPtr<vfs::FileDescription> file = memory ? memory->image().executable : nullptr;
      if (!file) return base::Errno(ENOENT);
      return file->path();
    });
    PathLink("cwd", [](Task& task) -> base::Result<vfs::Path> {
      base::RefPtr<FsContext> fs = task.SharedFs();
      if (!fs) return base::Errno(ENOENT);
      return fs->cwd();
    });
    PathLink("root", [](Task& task) -> base::Result<vfs::Path> {
      base::RefPtr<FsContext> fs = task.SharedFs();
      if (!fs) return base::Errno(ENOENT);
      return fs->root();
    });
    directory_->Add("fd", Descriptors(/*info=*/false));
    directory_->Add("fdinfo", Descriptors(/*info=*/true));
    directory_->Add("net", Network());
    if (tid_ == 0) directory_->Add("task", Threads());
    return directory_;
  }

 private:
  static vfs::Path RootOf(Task& task) {
    base::RefPtr<FsContext> fs = task.SharedFs();
    return fs ? fs->root() : vfs::Path();
  }

  // The thread the files are about; null for a zombie.
  static base::RefPtr<Task> TaskOf(Kernel& kernel, ThreadGroup& group, int tid) {
    return tid == 0 ? AnyTask(group) : FindTask(kernel, tid);
  }

  vfs::PseudoInode::Owner Owner() {
    return [&kernel = kernel_, group = group_, tid = tid_] {
      base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
      base::RefPtr<vfs::Credentials> who = task ? task->SharedCredentials() : nullptr;
      if (!who || !task->dumpable) return std::make_pair(base::KUid(0), base::KGid(0));
      return std::make_pair(who->euid, who->egid);
    };
  }

  base::RefPtr<DirectoryInode> NewDirectory(uint32_t permissions) {
    auto directory = base::MakeRef<DirectoryInode>(filesystem_, permissions);
    directory->set_owner(Owner());
    directory->set_valid([&kernel = kernel_, group = group_, tid = tid_] {
      if (tid != 0) return FindTask(kernel, tid) != nullptr;
      return FindGroup(kernel, group->pid().value()) == group;
    });
    return directory;
  }

  template <typename Read>
  void Text(const char* name, uint32_t permissions, Read read) {
    auto inode = base::MakeRef<TextInode>(
        filesystem_, permissions,
        [&kernel = kernel_, group = group_, tid = tid_, read](vfs::Context&) -> base::Result<std::string> {
          base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
          if (!task && FindGroup(kernel, group->pid().value()) != group) return base::Errno(ESRCH);
          return read(*group, task.get());
        });
    inode->set_owner(Owner());
    directory_->Add(name, inode);
  }

  template <typename Read>
  void TaskText(const char* name, uint32_t permissions, Read read) {
    Text(name, permissions, [read](ThreadGroup&, Task* task) { return task != nullptr ? read(*task) : std::string(); });
  }

  template <typename Find>
  void PathLink(const char* name, Find find) {
    auto resolve = [&kernel = kernel_, group = group_, tid = tid_, find](vfs::Context&) -> base::Result<vfs::Path> {
      base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
      if (!task) return base::Errno(ENOENT);
      return find(*task);
    };
    auto text = [resolve, &kernel = kernel_](vfs::Context& context) -> base::Result<std::string> {
      vfs::Path path = TRY(resolve(context));
      return vfs::PathName(path, ViewerRoot(kernel, context)).Shown();
    };
    directory_->Add(name, base::MakeRef<LinkInode>(filesystem_, text, resolve));
  }

  // Names are shown as the reader sees them.
  static vfs::Path ViewerRoot(Kernel& kernel, vfs::Context& context) {
    base::RefPtr<Task> viewer = FindTask(kernel, context.thread_id());
    return viewer ? RootOf(*viewer) : vfs::Path();
  }

  base::RefPtr<DirectoryInode> Descriptors(bool info) {
    auto directory = NewDirectory(info ? 0555 : 0500);
    Kernel& kernel = kernel_;
    auto file_of = [&kernel, group = group_, tid = tid_](int fd) -> base::Result<base::RefPtr<vfs::FileDescription>> {
      base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
      base::RefPtr<FdTable> fds = task ? task->SharedFds() : nullptr;
      if (!fds) return base::Errno(ENOENT);
      auto file = fds->Get(base::Fd(fd));
      if (!file.ok()) return base::Errno(ENOENT);
      return *file;
    };
    directory->SetDynamic(
        [=, &kernel, group = group_, tid = tid_, filesystem = filesystem_](
            vfs::Context&, std::string_view name) -> base::Result<base::RefPtr<vfs::Inode>> {
          std::optional<int> fd = ParseId(name);
          if (!fd) return base::Errno(ENOENT);
          TRY(file_of(*fd));
          if (info) {
            return base::RefPtr<vfs::Inode>(base::MakeRef<TextInode>(
                filesystem, 0400, [&kernel, group, tid, fd](vfs::Context&) -> base::Result<std::string> {
                  base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
                  if (!task) return base::Errno(ENOENT);
                  return ProcPidFdinfo(*task, base::Fd(*fd));
                }));
          }
          auto magic = [file_of, fd](vfs::Context&) -> base::Result<vfs::Path> { return TRY(file_of(*fd))->path(); };
          auto text = [magic, &kernel](vfs::Context& context) -> base::Result<std::string> {
            return vfs::PathName(TRY(magic(context)), ViewerRoot(kernel, context)).Shown();
          };
          return base::RefPtr<vfs::Inode>(base::MakeRef<LinkInode>(filesystem, text, magic));
        },
        [&kernel, group = group_, tid = tid_, info](vfs::Context&) {
          std::vector<vfs::PseudoEntry> entries;
          base::RefPtr<Task> task = TaskOf(kernel, *group, tid);
          base::RefPtr<FdTable> fds = task ? task->SharedFds() : nullptr;
          if (!fds) return entries;
          fds->ForEach([&](base::Fd fd, vfs::FileDescription&, bool) {
            entries.push_back({std::to_string(fd.value()), static_cast<uint64_t>(fd.value()) + 1,
                               static_cast<uint8_t>(info ? DT_REG : DT_LNK)});
          });
          return entries;
        });
    return directory;
  }

  base::RefPtr<DirectoryInode> Network() {
    auto directory = NewDirectory(0555);
    directory->Add("unix", base::MakeRef<TextInode>(filesystem_, 0444,
                                                    [&kernel = kernel_](vfs::Context&) -> base::Result<std::string> {
                                                      return ProcNetUnix(kernel.network());
                                                    }));
    return directory;
  }

  base::RefPtr<DirectoryInode> Threads() {
    auto directory = NewDirectory(0555);
    Kernel& kernel = kernel_;
    directory->SetDynamic(
        [&kernel, group = group_, filesystem = filesystem_](
            vfs::Context&, std::string_view name) -> base::Result<base::RefPtr<vfs::Inode>> {
          std::optional<int> tid = ParseId(name);
          base::RefPtr<Task> task = tid ? FindTask(kernel, *tid) : nullptr;
          if (!task || &task->group() != group.get()) return base::Errno(ENOENT);
          return base::RefPtr<vfs::Inode>(ProcDirectory(kernel, filesystem, group, *tid).Make());
        },
        [&kernel, group = group_](vfs::Context&) {
          std::vector<vfs::PseudoEntry> entries;
          base::MutexLock lock(kernel.tree_mutex());
          for (Task* task : group->tasks) {
            entries.push_back(
                {std::to_string(task->tid().value()), static_cast<uint64_t>(task->tid().value()), DT_DIR});
          }
          return entries;
        });
    return directory;
  }

  Kernel& kernel_;
  const FilesystemRef filesystem_;
  const base::RefPtr<ThreadGroup> group_;
  const int tid_;
  base::RefPtr<DirectoryInode> directory_;
};

}  // namespace

void AddProcessDirectories(Kernel& kernel, FilesystemRef filesystem, DirectoryInode& root) {
  // The root directory is owned by the filesystem's mounts: a plain pointer inside, no cycle.
  vfs::PseudoFilesystem* raw = filesystem.get();
  root.SetDynamic(
      [&kernel, raw](vfs::Context&, std::string_view name) -> base::Result<base::RefPtr<vfs::Inode>> {
        std::optional<int> id = ParseId(name);
        if (!id) return base::Errno(ENOENT);
        FilesystemRef filesystem(raw);
        if (base::RefPtr<ThreadGroup> group = FindGroup(kernel, *id)) {
          return base::RefPtr<vfs::Inode>(ProcDirectory(kernel, filesystem, group, 0).Make());
        }
        // Threads can be looked up, though they are not listed (proc(5)).
        base::RefPtr<Task> task = FindTask(kernel, *id);
        if (!task) return base::Errno(ENOENT);
        base::RefPtr<ThreadGroup> group(&task->group());
        return base::RefPtr<vfs::Inode>(ProcDirectory(kernel, filesystem, group, *id).Make());
      },
      [&kernel](vfs::Context&) {
        std::vector<vfs::PseudoEntry> entries;
        base::MutexLock lock(kernel.tree_mutex());
        kernel.ForEachGroup([&](ThreadGroup& group) {
          entries.push_back({std::to_string(group.pid().value()), static_cast<uint64_t>(group.pid().value()), DT_DIR});
        });
        return entries;
      });
}

}  // namespace sentry
