// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/procfs.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "sentry/fs/proc_pid.h"
#include "sentry/fs/proc_text.h"
#include "sentry/net/socket/unix/unix_socket.h"
#include "sentry/version.h"
#include "vfs/pseudo/pseudo.h"

namespace sentry {
namespace {

using vfs::DirectoryInode;
using vfs::LinkInode;
using vfs::PseudoFilesystem;
using vfs::TextInode;

constexpr uint64_t kProcMagic = 0x9fa0;

class Builder {
 public:
  explicit Builder(base::RefPtr<PseudoFilesystem> filesystem) : filesystem_(std::move(filesystem)) {}

  base::RefPtr<DirectoryInode> Directory() { return base::MakeRef<DirectoryInode>(filesystem_); }
  void Text(DirectoryInode& directory, const char* name, std::function<std::string()> read) {
    directory.Add(name, base::MakeRef<TextInode>(
                            filesystem_, 0444,
                            [read = std::move(read)](vfs::Context&) -> base::Result<std::string> { return read(); }));
  }
  void Fixed(DirectoryInode& directory, const char* name, std::string text) {
    Text(directory, name, [text = std::move(text)] { return text; });
  }
  void Link(DirectoryInode& directory, const char* name, LinkInode::Text text) {
    directory.Add(name, base::MakeRef<LinkInode>(filesystem_, std::move(text)));
  }

 private:
  const base::RefPtr<PseudoFilesystem> filesystem_;
};

std::string Line(std::string_view text) { return std::string(text) + "\n"; }

base::RefPtr<DirectoryInode> MakeSys(Kernel& kernel, Builder& build) {
  auto sys = build.Directory();
  auto kernel_directory = build.Directory();
  build.Fixed(*kernel_directory, "ostype", Line(kSystemName));
  build.Fixed(*kernel_directory, "osrelease", Line(kSystemRelease));
  build.Fixed(*kernel_directory, "version", Line(kSystemVersion));
  build.Fixed(*kernel_directory, "pid_max", Line(std::to_string(Kernel::kMaxPid)));
  build.Fixed(*kernel_directory, "threads-max", Line(std::to_string(kernel.options().max_tasks)));
  build.Fixed(*kernel_directory, "cap_last_cap", "40\n");
  build.Fixed(*kernel_directory, "ngroups_max", "65536\n");
  build.Fixed(*kernel_directory, "overflowuid", "65534\n");
  build.Fixed(*kernel_directory, "overflowgid", "65534\n");
  build.Fixed(*kernel_directory, "randomize_va_space", "2\n");
  sys->Add("kernel", kernel_directory);
  auto vm = build.Directory();
  build.Fixed(*vm, "overcommit_memory", "0\n");
  build.Fixed(*vm, "max_map_count", "65530\n");
  build.Fixed(*vm, "mmap_min_addr", "65536\n");
  build.Fixed(*vm, "swappiness", "60\n");
  sys->Add("vm", vm);
  auto fs = build.Directory();
  build.Fixed(*fs, "file-max", "1048576\n");
  build.Fixed(*fs, "nr_open", "1048576\n");
  build.Fixed(*fs, "pipe-max-size", "1048576\n");
  sys->Add("fs", fs);
  auto net = build.Directory();
  auto core = build.Directory();
  build.Fixed(*core, "somaxconn", Line(std::to_string(Socket::kMaxBacklog)));
  for (const char* name : {"rmem_default", "wmem_default"}) {
    build.Fixed(*core, name, Line(std::to_string(Socket::kDefaultBuffer)));
  }
  for (const char* name : {"rmem_max", "wmem_max"}) build.Fixed(*core, name, Line(std::to_string(Socket::kMaxBuffer)));
  net->Add("core", core);
  auto local = build.Directory();
  build.Fixed(*local, "max_dgram_qlen", Line(std::to_string(UnixSocket::kMaxDatagrams)));
  net->Add("unix", local);
  sys->Add("net", net);
  return sys;
}

}  // namespace

base::RefPtr<vfs::Dentry> MakeProcfs(Kernel& kernel) {
  auto filesystem = base::MakeRef<PseudoFilesystem>("proc", kProcMagic, vfs::NameCache::kUncached);
  Builder build(filesystem);
  auto root = build.Directory();
  build.Text(*root, "uptime", [] { return ProcUptime(); });
  build.Text(*root, "loadavg", [&kernel] { return ProcLoadavg(kernel); });
  build.Text(*root, "meminfo", [] { return ProcMeminfo(); });
  build.Text(*root, "stat", [&kernel] { return ProcStat(kernel); });
  build.Text(*root, "cpuinfo", [] { return ProcCpuinfo(); });
  build.Text(*root, "version", [] { return ProcVersion(); });
  build.Text(*root, "filesystems", [] { return ProcFilesystems(); });
  build.Text(*root, "locks", [] { return ProcLocks(); });
  build.Text(*root, "cmdline", [] { return ProcCmdline(); });
  root->Add("sys", MakeSys(kernel, build));
  build.Link(*root, "mounts", [](vfs::Context&) -> base::Result<std::string> { return std::string("self/mounts"); });
  build.Link(*root, "net", [](vfs::Context&) -> base::Result<std::string> { return std::string("self/net"); });
  build.Link(*root, "self", [](vfs::Context& context) -> base::Result<std::string> {
    if (context.process_id() == 0) return base::Errno(ENOENT);
    return std::to_string(context.process_id());
  });
  build.Link(*root, "thread-self", [](vfs::Context& context) -> base::Result<std::string> {
    if (context.process_id() == 0) return base::Errno(ENOENT);
    return absl::StrCat(context.process_id(), "/task/", context.thread_id());
  });
  AddProcessDirectories(kernel, filesystem, *root);
  return vfs::Dentry::CreateRoot(root);
}

}  // namespace sentry
