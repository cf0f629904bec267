// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/devpts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "sentry/fs/devpts/terminal.h"
#include "sentry/fs/devpts/terminal_file.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "vfs/device.h"

namespace sentry {
namespace {

constexpr uint64_t kDevptsMagic = 0x1cd1;
constexpr uint32_t kTtyMajor = 5, kTtyMinor = 0, kPtmxMinor = 2;

template <typename T>
bool ParseNumber(std::string_view text, int base, T* value) {
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

constinit base::LockClass Devpts::kLock{"Devpts::mutex_"};

base::Result<DevptsOptions> DevptsOptions::Parse(std::string_view data) {
  constexpr int kOctal = 8, kDecimal = 10;
  DevptsOptions options;
  while (!data.empty()) {
    size_t comma = data.find(',');
    std::string_view option = data.substr(0, comma);
    data.remove_prefix(comma == std::string_view::npos ? data.size() : comma + 1);
    size_t equals = option.find('=');
    std::string_view name = option.substr(0, equals);
    std::string_view value = equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
    uint32_t id = 0;
    bool good = true;
    if (name == "mode") {
      good = ParseNumber(value, kOctal, &options.mode);
    } else if (name == "ptmxmode") {
      good = ParseNumber(value, kOctal, &options.ptmx_mode);
    } else if (name == "uid") {
      good = ParseNumber(value, kDecimal, &id);
      options.uid = base::KUid(id);
    } else if (name == "gid") {
      good = ParseNumber(value, kDecimal, &id);
      options.gid = base::KGid(id);
    } else if (name == "max") {
      good = ParseNumber(value, kDecimal, &options.max) && options.max >= 0;
    } else {
      good = option.empty() || name == "newinstance";
    }
    if (!good) return base::Errno(EINVAL);
  }
  options.mode &= 0777;
  options.ptmx_mode &= 0777;
  return options;
}

// What the nodes share: attributes that can be changed.
class DevptsNode : public vfs::PseudoInode {
 public:
  DevptsNode(base::RefPtr<vfs::PseudoFilesystem> filesystem, uint32_t permissions, base::KUid uid, base::KGid gid,
             uint32_t major, uint32_t minor)
      : PseudoInode(std::move(filesystem), S_IFCHR | permissions),
        major_(major),
        minor_(minor),
        who_(kLock, Who{permissions, uid, gid}) {}

  base::Result<vfs::Attributes> Stat(vfs::Context& context) override {
    vfs::Attributes attributes = TRY(PseudoInode::Stat(context));
    Who who = who_.With([](const Who& now) { return now; });
    attributes.mode = S_IFCHR | who.permissions;
    attributes.uid = who.uid;
    attributes.gid = who.gid;
    attributes.rdevice_major = major_;
    attributes.rdevice_minor = minor_;
    constexpr uint32_t kBlockSize = 1024;
    attributes.block_size = kBlockSize;
    return attributes;
  }

  base::Result<void> SetAttributes(vfs::Context&, const vfs::AttributeChange& change) override {
    who_.With([&](Who& who) {
      if (change.permissions) who.permissions = *change.permissions;
      if (change.uid) who.uid = *change.uid;
      if (change.gid) who.gid = *change.gid;
    });
    return {};
  }

 private:
  struct Who {
    uint32_t permissions;
    base::KUid uid;
    base::KGid gid;
  };
  static inline constinit base::LockClass kLock{"DevptsNode::who_"};
  const uint32_t major_, minor_;
  base::Guarded<Who> who_;
};

class Devpts::PtmxNode : public DevptsNode {
 public:
  PtmxNode(const base::RefPtr<Devpts>& filesystem, uint32_t permissions)
      : DevptsNode(filesystem, permissions, base::KUid(0), base::KGid(0), kTtyMajor, kPtmxMinor) {}
  base::Result<base::RefPtr<vfs::FileDescription>> Open(vfs::Context& context, const vfs::Path& path,
                                                        int flags) override {
    return static_cast<Devpts&>(filesystem()).OpenMaster(context, path, flags);
  }
};

class Devpts::SlaveNode : public DevptsNode {
 public:
  SlaveNode(const base::RefPtr<Devpts>& filesystem, base::RefPtr<Terminal> terminal, uint32_t permissions,
            base::KUid uid, base::KGid gid)
      : DevptsNode(filesystem, permissions, uid, gid, kSlaveMajor, static_cast<uint32_t>(terminal->number())),
        terminal_(std::move(terminal)) {}
  base::Result<base::RefPtr<vfs::FileDescription>> Open(vfs::Context& context, const vfs::Path& path,
                                                        int flags) override {
    return SlaveFile::Open(context, path, flags, terminal_);
  }
  bool Valid() const override { return !terminal_->hung_up(); }

 private:
  const base::RefPtr<Terminal> terminal_;
};

Devpts::Devpts(Kernel& kernel, const DevptsOptions& options)
    : PseudoFilesystem("devpts", kDevptsMagic, vfs::NameCache::kUncached),
      kernel_(kernel),
      options_(options),
      mutex_(kLock) {}

base::RefPtr<vfs::Dentry> Devpts::Create(Kernel& kernel, const DevptsOptions& options) {
  auto filesystem = base::MakeRef<Devpts>(kernel, options);
  auto root = base::MakeRef<vfs::DirectoryInode>(filesystem, 0755);
  root->Add("ptmx", base::MakeRef<PtmxNode>(filesystem, options.ptmx_mode));
  root->SetDynamic([devpts = filesystem.get()](vfs::Context&, std::string_view name) { return devpts->Find(name); },
                   [devpts = filesystem.get()](vfs::Context&) { return devpts->List(); });
  return vfs::Dentry::CreateRoot(std::move(root));
}

std::string Devpts::Options() const {
  std::string text;
  if (options_.gid) absl::StrAppend(&text, "gid=", options_.gid->value(), ",");
  if (options_.uid) absl::StrAppend(&text, "uid=", options_.uid->value(), ",");
  absl::StrAppendFormat(&text, "mode=%03o,ptmxmode=%03o", options_.mode, options_.ptmx_mode);
  return text;
}

base::Result<base::RefPtr<vfs::FileDescription>> Devpts::OpenMaster(vfs::Context& context, const vfs::Path& path,
                                                                    int flags) {
  base::RefPtr<Devpts> self(this);
  int number = 0;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [taken, node] : nodes_) {
      if (taken != number) break;
      ++number;
    }
    if (number >= options_.max) return base::Errno(ENOSPC);
    nodes_[number] = nullptr;
  }
  auto terminal = base::MakeRef<Terminal>(kernel_, self, number);
  const vfs::Credentials& who = context.credentials();
  auto node = base::MakeRef<SlaveNode>(self, terminal, options_.mode, options_.uid.value_or(who.fsuid),
                                       options_.gid.value_or(who.fsgid));
  auto master = base::MakeRef<MasterFile>(path, flags & ~O_NOCTTY, std::move(terminal));
  base::MutexLock lock(mutex_);
  nodes_[number] = std::move(node);
  return base::RefPtr<vfs::FileDescription>(std::move(master));
}

void Devpts::Forget(int number) {
  // The node may be the last to hold the terminal, whose end takes the lock again.
  base::RefPtr<SlaveNode> node;
  base::MutexLock lock(mutex_);
  auto found = nodes_.find(number);
  if (found != nodes_.end()) node = std::exchange(found->second, nullptr);
}

void Devpts::ReleaseNumber(int number) {
  base::MutexLock lock(mutex_);
  nodes_.erase(number);
}

base::Result<base::RefPtr<vfs::Inode>> Devpts::Find(std::string_view name) {
  constexpr int kDecimal = 10;
  int number = 0;
  if (!ParseNumber(name, kDecimal, &number) || (name[0] == '0' && name.size() > 1)) return base::Errno(ENOENT);
  base::MutexLock lock(mutex_);
  auto found = nodes_.find(number);
  if (found == nodes_.end() || !found->second) return base::Errno(ENOENT);
  return base::RefPtr<vfs::Inode>(found->second);
}

std::vector<vfs::PseudoEntry> Devpts::List() {
  std::vector<vfs::PseudoEntry> entries;
  base::MutexLock lock(mutex_);
  for (const auto& [number, node] : nodes_) {
    if (node) entries.push_back({std::to_string(number), node->number(), DT_CHR});
  }
  return entries;
}

namespace {

class ControllingTerminal : public vfs::Device {
 public:
  explicit ControllingTerminal(Kernel& kernel) : kernel_(kernel) {}
  base::Result<base::RefPtr<vfs::FileDescription>> Open(vfs::Context& context, const vfs::Path& path,
                                                        int flags) override {
    base::RefPtr<Task> task = TaskOf(kernel_, context);
    if (!task) return base::Errno(ENXIO);
    base::RefPtr<Terminal> terminal;
    {
      base::MutexLock lock(kernel_.tree_mutex());
      terminal = Terminal::Of(task->group());
    }
    if (!terminal) return base::Errno(ENXIO);
    return SlaveFile::Open(context, path, flags | O_NOCTTY, std::move(terminal));
  }

 private:
  Kernel& kernel_;
};

}  // namespace

void AddTerminalDevices(Kernel& kernel) {
  kernel.devices().AddCharacter(kTtyMajor, kTtyMinor, base::MakeRef<ControllingTerminal>(kernel));
}

}  // namespace sentry
