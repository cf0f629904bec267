// SPDX-License-Identifier: Apache-2.0
// The filesystem of pseudo-terminals (devpts in the kernel's documentation, pts(4)), and the devices around it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "vfs/dentry.h"
#include "vfs/pseudo/pseudo.h"

namespace sentry {

class Kernel;
class Terminal;

struct DevptsOptions {
  uint32_t mode = 0600;
  uint32_t ptmx_mode = 0;
  std::optional<base::KUid> uid;  // Of new nodes; else their maker's.
  std::optional<base::KGid> gid;
  int max = 4096;

  // Reads mount(2)'s data string ("gid=5,mode=620,ptmxmode=666"). EINVAL.
  static base::Result<DevptsOptions> Parse(std::string_view data);
};

// One instance: its terminals have numbers of their own. Thread-safe. Every mount is a new instance.
class Devpts : public vfs::PseudoFilesystem {
 public:
  static constexpr uint32_t kMasterMajor = 128, kSlaveMajor = 136;
  // Of a slave, as /proc/PID/stat shows it.
  static constexpr uint32_t DeviceNumber(int number) {
    auto minor = static_cast<uint32_t>(number);
    return (minor & 0xff) | kSlaveMajor << 8 | (minor & ~0xffu) << 12;
  }

  // The root of a new instance.
  static base::RefPtr<vfs::Dentry> Create(Kernel& kernel, const DevptsOptions& options);

  // Opens the master of a new terminal. ENOSPC: too many.
  base::Result<base::RefPtr<vfs::FileDescription>> OpenMaster(vfs::Context& context, const vfs::Path& path, int flags);
  std::string Options() const override;

  // For Terminal. The master was closed: the node is gone; nobody refers to the terminal: its number is free.
  void Forget(int number);
  void ReleaseNumber(int number);

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  class PtmxNode;
  class SlaveNode;
  Devpts(Kernel& kernel, const DevptsOptions& options);

  base::Result<base::RefPtr<vfs::Inode>> Find(std::string_view name);
  std::vector<vfs::PseudoEntry> List();

  static base::LockClass kLock;
  Kernel& kernel_;
  const DevptsOptions options_;
  mutable base::Mutex mutex_;
  // By number; null: taken, without a node.
  std::map<int, base::RefPtr<SlaveNode>> nodes_ ABSL_GUARDED_BY(mutex_);
};

// /dev/tty (tty(4)): whoever opens it gets its controlling terminal; ENXIO without one.
void AddTerminalDevices(Kernel& kernel);

}  // namespace sentry
