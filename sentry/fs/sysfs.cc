// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/sysfs.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "vfs/pseudo/pseudo.h"

namespace sentry {
namespace {

using vfs::DirectoryInode;
using vfs::TextInode;

constexpr uint64_t kSysfsMagic = 0x62656572;

}  // namespace

base::RefPtr<vfs::Dentry> MakeSysfs() {
  auto filesystem = base::MakeRef<vfs::PseudoFilesystem>("sysfs", kSysfsMagic, vfs::NameCache::kTrusted);
  auto directory = [&] { return base::MakeRef<DirectoryInode>(filesystem); };
  auto text = [&](std::string contents) {
    return base::MakeRef<TextInode>(filesystem, 0444,
                                    [contents](vfs::Context&) -> base::Result<std::string> { return contents; });
  };
  long cpus = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  std::string range = cpus == 1 ? "0\n" : absl::StrCat("0-", cpus - 1, "\n");
  auto root = directory();
  auto cpu = directory();
  cpu->Add("online", text(range));
  cpu->Add("possible", text(range));
  cpu->Add("present", text(range));
  for (long i = 0; i < cpus; ++i) {
    auto one = directory();
    auto topology = directory();
    topology->Add("physical_package_id", text("0\n"));
    topology->Add("core_id", text(absl::StrCat(i, "\n")));
    one->Add("topology", topology);
    cpu->Add(absl::StrCat("cpu", i), one);
  }
  auto system = directory();
  system->Add("cpu", cpu);
  auto devices = directory();
  devices->Add("system", system);
  root->Add("devices", devices);
  for (const char* name : {"block", "bus", "class", "dev", "firmware", "kernel", "module", "power"}) {
    root->Add(name, directory());
  }
  auto filesystems = directory();
  filesystems->Add("cgroup", directory());  // Where cgroup filesystems are mounted.
  root->Add("fs", filesystems);
  return vfs::Dentry::CreateRoot(root);
}

}  // namespace sentry
