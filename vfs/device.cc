// SPDX-License-Identifier: Apache-2.0
#include "vfs/device.h"

#include <sys/stat.h>

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/pipe/pipe.h"

namespace vfs {

struct DeviceTable::Table {
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, base::RefPtr<Device>> character;
};

DeviceTable::DeviceTable() : table_(std::make_unique<Table>()) {}
DeviceTable::~DeviceTable() = default;

void DeviceTable::AddCharacter(uint32_t major, uint32_t minor, base::RefPtr<Device> device) {
  table_->character[{major, minor}] = std::move(device);
}

base::RefPtr<Device> DeviceTable::FindCharacter(uint32_t major, uint32_t minor) const {
  auto it = table_->character.find({major, minor});
  return it == table_->character.end() ? nullptr : it->second;
}

base::Result<base::RefPtr<FileDescription>> OpenSpecial(Context& context, const Path& path, int flags) {
  Inode& inode = *path.dentry->inode();
  if (inode.type() == S_IFIFO) return OpenFifo(path, flags);
  if (inode.type() != S_IFCHR || context.device_table() == nullptr) return base::Errno(ENXIO);
  Attributes attributes = TRY(inode.Stat(context));
  base::RefPtr<Device> device =
      context.device_table()->FindCharacter(attributes.rdevice_major, attributes.rdevice_minor);
  if (device == nullptr) return base::Errno(ENXIO);
  return device->Open(context, path, flags);
}

}  // namespace vfs
