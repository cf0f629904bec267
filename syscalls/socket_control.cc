// SPDX-License-Identifier: Apache-2.0
#include "syscalls/socket_control.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "sentry/kernel.h"
#include "vfs/permission.h"

namespace syscalls {
namespace {

using base::abi::Cmsghdr;
using base::abi::Msghdr;
using base::abi::Ucred;
using sentry::ControlData;

// What one call may bring (Linux: net.core.optmem_max).
constexpr uint64_t kMaxControl = 128 * 1024;
constexpr int kCapSetgid = 6;
constexpr int kCapSetuid = 7;

constexpr size_t Align(size_t length) { return (length + 7) & ~size_t{7}; }

// unix(7), "SCM_CREDENTIALS".
base::Result<void> CheckCredentials(Task& task, const Ucred& claimed) {
  const vfs::Credentials& who = task.credentials();
  auto is_one_of = [](auto id, auto a, auto b, auto c) {
    return id == a.value() || id == b.value() || id == c.value();
  };
  bool pid = claimed.pid == task.process_id() || who.HasCapability(vfs::kCapSysAdmin);
  bool uid = is_one_of(claimed.uid, who.ruid, who.euid, who.suid) || who.HasCapability(kCapSetuid);
  bool gid = is_one_of(claimed.gid, who.rgid, who.egid, who.sgid) || who.HasCapability(kCapSetgid);
  if (!pid || !uid || !gid) return base::Errno(EPERM);
  if (claimed.pid == task.process_id()) return {};
  base::MutexLock lock(task.kernel().tree_mutex());
  bool alive = task.kernel().FindTask(base::Tid(claimed.pid)) != nullptr ||
               task.kernel().FindGroup(base::Pid(claimed.pid)) != nullptr;
  if (!alive) return base::Errno(ESRCH);
  return {};
}

base::Result<void> AddRights(Task& task, std::span<const std::byte> data, ControlData& control) {
  size_t count = data.size() / sizeof(int32_t);
  if (control.files.size() + count > base::abi::kMaxRights) return base::Errno(EINVAL);
  for (size_t i = 0; i < count; ++i) {
    int32_t fd = 0;
    memcpy(&fd, data.data() + i * sizeof(fd), sizeof(fd));
    control.files.push_back(TRY(task.GetFile(base::Fd(fd))));
  }
  return {};
}

// Control messages as recvmsg(2) lays them out, in `room` bytes.
class ControlWriter {
 public:
  explicit ControlWriter(size_t room) : room_(room) {}

  // What does not fit is cut off.
  void Put(int type, std::span<const std::byte> data) {
    size_t left = room_ - bytes_.size();
    if (left < sizeof(Cmsghdr)) {
      truncated_ = true;
      return;
    }
    size_t length = sizeof(Cmsghdr) + data.size();
    truncated_ |= left < length;
    Cmsghdr header{std::min(length, left), SOL_SOCKET, type};
    size_t begin = bytes_.size();
    bytes_.resize(begin + std::min(Align(length), left));
    memcpy(bytes_.data() + begin, &header, sizeof(header));
    memcpy(bytes_.data() + begin + sizeof(header), data.data(), header.length - sizeof(header));
  }
  // How many descriptors have room.
  size_t RightsRoom() const {
    size_t left = room_ - bytes_.size();
    return left <= sizeof(Cmsghdr) ? 0 : (left - sizeof(Cmsghdr)) / sizeof(int32_t);
  }
  void set_truncated() { truncated_ = true; }
  bool truncated() const { return truncated_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  const size_t room_;
  std::vector<std::byte> bytes_;
  bool truncated_ = false;
};

}  // namespace

base::Result<ControlData> ReadControl(Task& task, const Msghdr& header, int family) {
  ControlData control;
  if (header.control_length > kMaxControl) return base::Errno(ENOBUFS);
  std::vector<std::byte> bytes(header.control_length);
  TRY(task.user_memory().CopyIn(base::GuestAddr(header.control), bytes));
  for (size_t at = 0; at + sizeof(Cmsghdr) <= bytes.size();) {
    Cmsghdr message;
    memcpy(&message, bytes.data() + at, sizeof(message));
    if (message.length < sizeof(message) || message.length > bytes.size() - at) return base::Errno(EINVAL);
    std::span<const std::byte> data = std::span(bytes).subspan(at + sizeof(message), message.length - sizeof(message));
    at += Align(message.length);
    if (message.level != SOL_SOCKET) continue;
    if (message.type == SCM_RIGHTS) {
      if (family != AF_UNIX) return base::Errno(EINVAL);
      TRY(AddRights(task, data, control));
    } else if (message.type == SCM_CREDENTIALS) {
      Ucred claimed;
      if (data.size() != sizeof(claimed)) return base::Errno(EINVAL);
      memcpy(&claimed, data.data(), sizeof(claimed));
      TRY(CheckCredentials(task, claimed));
      control.credentials = claimed;
    } else {
      return base::Errno(EINVAL);
    }
  }
  return control;
}

base::Result<void> WriteControl(Task& task, ControlData control, bool close_on_exec, Msghdr& header) {
  ControlWriter writer(header.control != 0 ? std::min(header.control_length, kMaxControl) : 0);
  if (control.credentials) writer.Put(SCM_CREDENTIALS, std::as_bytes(std::span(&*control.credentials, 1)));
  std::vector<base::Fd> installed;
  std::vector<int32_t> numbers;
  if (!control.files.empty()) {
    size_t count = std::min(control.files.size(), writer.RightsRoom());
    for (size_t i = 0; i < count; ++i) {
      base::Result<base::Fd> fd = task.InstallFd(control.files[i], close_on_exec);
      if (!fd.ok()) break;
      installed.push_back(*fd);
      numbers.push_back(fd->value());
    }
    if (numbers.size() < control.files.size()) writer.set_truncated();
    if (!numbers.empty()) writer.Put(SCM_RIGHTS, std::as_bytes(std::span(numbers)));
  }
  header.control_length = writer.bytes().size();
  if (writer.truncated()) header.flags |= MSG_CTRUNC;
  base::Result<void> copied = task.user_memory().CopyOut(base::GuestAddr(header.control), writer.bytes());
  if (copied.ok()) return {};
  for (base::Fd fd : installed) (void)task.fds().Close(task, fd);
  return copied;
}

}  // namespace syscalls
