// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/mount_setup.h"

#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "runsc/boot/device_setup.h"
#include "sentry/fs/devpts/devpts.h"
#include "sentry/fs/procfs.h"
#include "sentry/fs/sysfs.h"
#include "sentry/kernel_context.h"
#include "vfs/dev/memory_devices.h"
#include "vfs/gofer_client/gofer_filesystem.h"
#include "vfs/operations.h"
#include "vfs/overlay/overlay.h"
#include "vfs/pseudo/pseudo.h"
#include "vfs/tmpfs/tmpfs.h"

namespace runsc {
namespace {

constexpr uint64_t kCgroupMagic = 0x63677270;

struct FlagName {
  std::string_view name;
  unsigned set;
  unsigned clear;
};
constexpr FlagName kFlagNames[] = {{"ro", vfs::kMountReadOnly, 0},           {"rw", 0, vfs::kMountReadOnly},
                                   {"nosuid", vfs::kMountNoSuid, 0},         {"suid", 0, vfs::kMountNoSuid},
                                   {"nodev", vfs::kMountNoDev, 0},           {"dev", 0, vfs::kMountNoDev},
                                   {"noexec", vfs::kMountNoExec, 0},         {"exec", 0, vfs::kMountNoExec},
                                   {"noatime", vfs::kMountNoAtime, 0},       {"atime", 0, vfs::kMountNoAtime},
                                   {"nodiratime", vfs::kMountNoDirAtime, 0}, {"relatime", vfs::kMountRelatime, 0},
                                   {"norelatime", 0, vfs::kMountRelatime}};
// Options that say how to mount, not what: settled elsewhere, or without meaning in a sandbox.
constexpr std::string_view kNotData[] = {
    "bind",       "rbind",       "private",     "rprivate",      "shared",   "rshared",   "slave",     "rslave",
    "unbindable", "runbindable", "async",       "sync",          "defaults", "dirsync",   "mand",      "nomand",
    "silent",     "loud",        "strictatime", "nostrictatime", "diratime", "tmpcopyup", "symfollow", "nosymfollow"};

struct Options {
  unsigned flags = 0;
  std::string data;
};

Options ReadOptions(const spec::Mount& mount) {
  Options options;
  for (const std::string& option : mount.options) {
    const FlagName* known = std::find_if(std::begin(kFlagNames), std::end(kFlagNames),
                                         [&](const FlagName& flag) { return flag.name == option; });
    if (known != std::end(kFlagNames)) {
      options.flags = (options.flags | known->set) & ~known->clear;
    } else if (std::find(std::begin(kNotData), std::end(kNotData), option) == std::end(kNotData)) {
      if (!options.data.empty()) options.data += ',';
      options.data += option;
    }
  }
  return options;
}

class MountBuilder {
 public:
  MountBuilder(const BootConfig& config, sentry::Kernel& kernel, base::RefPtr<vfs::GoferClient> gofer)
      : config_(config), kernel_(kernel), gofer_(std::move(gofer)), context_(RootCredentials(), &kernel.devices()) {}

  StatusOr<base::RefPtr<vfs::MountNamespace>> Build() {
    RETURN_IF_ERROR(MountRoot());
    bool has_dev = false;
    for (size_t i = 0; i < config_.spec.mounts.size(); ++i) {
      has_dev |= config_.spec.mounts[i].destination == "/dev";
      RETURN_IF_ERROR(AddMount(i));
    }
    RETURN_IF_ERROR(MakeDev(has_dev));
    RETURN_IF_ERROR(MakeDevices(config_, context_, Start()));
    WarnOfSysctls();
    RETURN_IF_ERROR(RestrictPaths());
    if (config_.spec.root && config_.spec.root->readonly) {
      vfs::Path root = namespace_->root();
      auto set = root.mount->SetFlags(root.mount->flags() | vfs::kMountReadOnly);
      if (!set.ok()) return Error("root.readonly", "cannot be made read-only", set.error());
    }
    return namespace_;
  }

 private:
  static base::RefPtr<vfs::Credentials> RootCredentials() {
    auto root = base::MakeRef<vfs::Credentials>();
    root->permitted = root->effective = root->bounding = ~vfs::CapabilitySet{0};
    return root;
  }

  Status Error(const std::string& where, std::string_view what, base::Errno error) {
    return Failed(absl::StrCat(config_.spec_name, ": ", where, ": ", std::string(what), ": ", strerror(error.code())));
  }

  static uint64_t MachineMemory() {
    struct sysinfo memory {};
    sysinfo(&memory);
    return memory.totalram * memory.mem_unit;
  }

  vfs::StartPoint Start() { return {namespace_->root(), namespace_->root()}; }

  Status MountRoot() {
    auto lower = vfs::GoferFilesystem::Create(gofer_, 0, {.shared = config_.settings.file_access_shared});
    if (!lower.ok()) return Error("root.path", "cannot be opened", lower.error());
    base::RefPtr<vfs::Dentry> root = *lower;
    if (config_.settings.overlay_root) {
      auto options = vfs::TmpfsOptions::Parse("mode=755", MachineMemory());
      if (!options.ok()) return Error("root.path", "cannot be overlaid", options.error());
      auto overlay = vfs::OverlayFilesystem::Create(context_, vfs::Tmpfs::Create(context_, *options), {root});
      if (!overlay.ok()) return Error("root.path", "cannot be overlaid", overlay.error());
      root = *overlay;
    }
    namespace_ = vfs::MountNamespace::Create(vfs::Mount::Create(root, 0, "rootfs"));
    return absl::OkStatus();
  }

  // The place to mount on; made if it is missing, with the directories above it.
  StatusOr<vfs::Path> MountPoint(const std::string& where, const std::string& destination, bool directory) {
    std::string path = destination.starts_with('/') ? destination : "/" + destination;
    auto found = vfs::Walk(context_, Start(), path, {});
    if (found.ok()) return *found;
    if (found.error().code() != ENOENT) return Error(where, path, found.error());
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      bool last = slash == std::string::npos;
      std::string prefix = path.substr(0, slash);
      auto made = last && !directory ? vfs::MakeNode(context_, Start(), prefix, S_IFREG | 0644, 0, 0)
                                     : vfs::MakeDirectory(context_, Start(), prefix, 0755);
      if (!made.ok() && made.error().code() != EEXIST) return Error(where, "cannot make " + prefix, made.error());
      if (last) break;
    }
    found = vfs::Walk(context_, Start(), path, {});
    if (!found.ok()) return Error(where, path, found.error());
    return *found;
  }

  Status Attach(const std::string& where, const std::string& destination, base::RefPtr<vfs::Dentry> root,
                unsigned flags, const std::string& source) {
    bool directory = root->is_directory();
    vfs::Path place = TRY_STATUS(MountPoint(where, destination, directory));
    auto attached = namespace_->Attach(vfs::Mount::Create(std::move(root), flags, source), place);
    if (!attached.ok()) return Error(where, "cannot be mounted on " + destination, attached.error());
    return absl::OkStatus();
  }

  Status AddMount(size_t index) {
    const spec::Mount& mount = config_.spec.mounts[index];
    std::string where = absl::StrCat("mounts[", index, "]");
    Options options = ReadOptions(mount);
    if (const std::optional<GoferMount>& host = config_.gofer_mounts[index]) {
      auto root = vfs::GoferFilesystem::Create(gofer_, host->tree, {.shared = true});
      if (!root.ok()) return Error(where + ".source", mount.source, root.error());
      return Attach(where, mount.destination, *root, options.flags, mount.source);
    }
    base::RefPtr<vfs::Dentry> root;
    if (mount.type == "proc") {
      root = sentry::MakeProcfs(kernel_);
    } else if (mount.type == "sysfs") {
      root = sentry::MakeSysfs();
    } else if (mount.type == "tmpfs") {
      auto parsed = vfs::TmpfsOptions::Parse(options.data, MachineMemory());
      if (!parsed.ok()) return Error(where + ".options", options.data, parsed.error());
      root = vfs::Tmpfs::Create(context_, *parsed);
    } else if (mount.type == "devpts") {
      auto parsed = sentry::DevptsOptions::Parse(options.data);
      if (!parsed.ok()) return Error(where + ".options", options.data, parsed.error());
      root = sentry::Devpts::Create(kernel_, *parsed);
    } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
      root = EmptyDirectory(mount.type, kCgroupMagic);
    } else if (mount.type == "mqueue") {
      // In every engine's defaults. Without the file system mq_open(3) fails as on a kernel that has none.
      RUNSC_WARN("%s: mounts of type mqueue are not supported yet: left out", where.c_str());
      return absl::OkStatus();
    } else {
      return InvalidInput(
          absl::StrCat(config_.spec_name, ": ", where, ".type: unknown filesystem type \"", mount.type, "\""));
    }
    return Attach(where, mount.destination, std::move(root), options.flags,
                  mount.source.empty() ? mount.type : mount.source);
  }

  static base::RefPtr<vfs::Dentry> EmptyDirectory(std::string_view type, uint64_t magic) {
    auto filesystem = base::MakeRef<vfs::PseudoFilesystem>(type, magic, vfs::NameCache::kTrusted);
    return vfs::Dentry::CreateRoot(base::MakeRef<vfs::DirectoryInode>(filesystem));
  }

  Status MakeDev(bool has_dev) {
    if (!has_dev) {
      RETURN_IF_ERROR(Attach("/dev", "/dev", vfs::Tmpfs::Create(context_, {.mode = 0755}), vfs::kMountNoSuid, "tmpfs"));
    }
    auto dev = vfs::Walk(context_, Start(), "/dev", {});
    if (!dev.ok()) return Error("/dev", "cannot be found", dev.error());
    if (dev->mount->filesystem().type_name() == "tmpfs") {
      auto filled = vfs::PopulateDev(context_, *dev);
      if (!filled.ok()) return Error("/dev", "cannot be filled", filled.error());
    }
    return absl::OkStatus();
  }

  // TODO(compat): /proc/sys cannot be written yet. Engines set some by default, so they are no errors.
  void WarnOfSysctls() {
    for (const auto& [name, value] : config_.spec.linux_config.sysctl) {
      RUNSC_WARN("linux.sysctl: %s cannot be set yet: left out", name.c_str());
    }
  }

  Status RestrictPaths() {
    for (const std::string& path : config_.spec.linux_config.readonly_paths) {
      auto found = vfs::Walk(context_, Start(), path, {});
      if (!found.ok()) continue;
      auto clone = namespace_->Clone(*found, /*recursive=*/true);
      if (!clone.ok()) return Error("linux.readonlyPaths", path, clone.error());
      auto set = (*clone)->SetFlags((*clone)->flags() | vfs::kMountReadOnly);
      if (!set.ok()) return Error("linux.readonlyPaths", path, set.error());
      auto attached = namespace_->Attach(*clone, *found);
      if (!attached.ok()) return Error("linux.readonlyPaths", path, attached.error());
    }
    for (const std::string& path : config_.spec.linux_config.masked_paths) {
      auto found = vfs::Walk(context_, Start(), path, {});
      if (!found.ok()) continue;
      if (found->dentry->is_directory()) {
        RETURN_IF_ERROR(Attach("linux.maskedPaths", path, vfs::Tmpfs::Create(context_, {.mode = 0555}),
                               vfs::kMountReadOnly, "tmpfs"));
        continue;
      }
      auto null = vfs::Walk(context_, Start(), "/dev/null", {});
      if (!null.ok()) return Error("linux.maskedPaths", "/dev/null", null.error());
      auto clone = namespace_->Clone(*null, /*recursive=*/false);
      if (!clone.ok()) return Error("linux.maskedPaths", path, clone.error());
      auto attached = namespace_->Attach(*clone, *found);
      if (!attached.ok()) return Error("linux.maskedPaths", path, attached.error());
    }
    return absl::OkStatus();
  }

  const BootConfig& config_;
  sentry::Kernel& kernel_;
  const base::RefPtr<vfs::GoferClient> gofer_;
  sentry::KernelContext context_;
  base::RefPtr<vfs::MountNamespace> namespace_;
};

}  // namespace

StatusOr<base::RefPtr<vfs::MountNamespace>> MakeMounts(const BootConfig& config, sentry::Kernel& kernel,
                                                       base::RefPtr<vfs::GoferClient> gofer) {
  return MountBuilder(config, kernel, std::move(gofer)).Build();
}

}  // namespace runsc
