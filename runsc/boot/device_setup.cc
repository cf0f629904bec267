// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/device_setup.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "vfs/mount.h"
#include "vfs/walk.h"

namespace runsc {
namespace {

struct KnownDevice {
  spec::DeviceType type;
  int64_t major;
  int64_t minor;
};
// null, zero, full, random, urandom, tty; fuse and net/tun, whose nodes may be there without a driver behind them.
constexpr KnownDevice kKnown[] = {{spec::DeviceType::kCharacter, 1, 3},    {spec::DeviceType::kCharacter, 1, 5},
                                  {spec::DeviceType::kCharacter, 1, 7},    {spec::DeviceType::kCharacter, 1, 8},
                                  {spec::DeviceType::kCharacter, 1, 9},    {spec::DeviceType::kCharacter, 5, 0},
                                  {spec::DeviceType::kCharacter, 10, 229}, {spec::DeviceType::kCharacter, 10, 200}};

constexpr uint32_t kDefaultMode = 0666;
constexpr uint32_t kModeBits = 07777;

bool IsKnown(const spec::Device& device) {
  // A FIFO is no device of the host's.
  if (device.type == spec::DeviceType::kFifo) return true;
  return std::any_of(std::begin(kKnown), std::end(kKnown), [&](const KnownDevice& known) {
    return known.type == device.type && known.major == device.major && known.minor == device.minor;
  });
}

Status MakeParents(vfs::Context& context, const vfs::StartPoint& at, const std::string& path,
                   const std::string& where) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    auto made = vfs::MakeDirectory(context, at, path.substr(0, slash), 0755);
    if (!made.ok() && made.error().code() != EEXIST) {
      return Failed(absl::StrCat(where, ": cannot make ", path.substr(0, slash), ": ", strerror(made.error().code())));
    }
  }
  return absl::OkStatus();
}

Status MakeOne(const spec::Device& device, vfs::Context& context, const vfs::StartPoint& at, const std::string& where) {
  if (!IsKnown(device)) {
    return InvalidInput(absl::StrCat(where, ": ", device.path, ": no device ", device.major, ":", device.minor,
                                     " of this type can be in a container"));
  }
  auto fail = [&](base::Errno error) {
    return Failed(absl::StrCat(where, ": ", device.path, ": ", strerror(error.code())));
  };
  RETURN_IF_ERROR(MakeParents(context, at, device.path, where));
  uint32_t mode = device.file_mode.value_or(kDefaultMode) & kModeBits;
  uint32_t type = device.type == spec::DeviceType::kFifo ? S_IFIFO : S_IFCHR;
  auto made = vfs::MakeNode(context, at, device.path, type | mode, static_cast<uint32_t>(device.major),
                            static_cast<uint32_t>(device.minor));
  // Those that each container has are there already.
  if (!made.ok() && made.error().code() != EEXIST) return fail(made.error());
  auto node = vfs::Walk(context, at, device.path, {});
  if (!node.ok()) return fail(node.error());
  auto changed =
      vfs::ChangeOwner(context, *node, base::KUid(device.uid.value_or(0)), base::KGid(device.gid.value_or(0)));
  if (changed.ok()) changed = vfs::ChangeMode(context, *node, mode);
  if (!changed.ok()) return fail(changed.error());
  return absl::OkStatus();
}

}  // namespace

Status MakeDevices(const BootConfig& config, vfs::Context& context, const vfs::StartPoint& at) {
  const std::vector<spec::Device>& devices = config.spec.linux_config.devices;
  for (size_t i = 0; i < devices.size(); ++i) {
    RETURN_IF_ERROR(MakeOne(devices[i], context, at, absl::StrCat(config.spec_name, ": linux.devices[", i, "]")));
  }
  return absl::OkStatus();
}

}  // namespace runsc
