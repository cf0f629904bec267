// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/path.h"

namespace vfs {

// What a device number stands for. Thread-safe.
class Device : public base::RefCounted {
 public:
  // `path` is the node that was opened.
  virtual base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) = 0;
};

// The devices device nodes can open, whatever filesystem the node is on. Filled once, then read only.
class DeviceTable {
 public:
  DeviceTable();
  ~DeviceTable();
  void AddCharacter(uint32_t major, uint32_t minor, base::RefPtr<Device> device);
  // Null when there is none: ENXIO.
  base::RefPtr<Device> FindCharacter(uint32_t major, uint32_t minor) const;

 private:
  struct Table;
  const std::unique_ptr<Table> table_;
};

// Inode::Open of what is no file or directory, the same on every filesystem: a FIFO opens the pipe attached to the
// inode, a device node what the context's DeviceTable has, a socket nothing (ENXIO).
base::Result<base::RefPtr<FileDescription>> OpenSpecial(Context& context, const Path& path, int flags);

}  // namespace vfs
