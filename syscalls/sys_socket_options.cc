// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_socket_options.h"

#include <sys/socket.h>

#include <algorithm>

#include "syscalls/socket_io.h"

namespace syscalls {
namespace {

// No option is longer; what is behind that is not looked at.
constexpr int32_t kMaxOption = 4096;

}  // namespace

base::Result<void> SysGetsockopt(Task& task, base::Fd fd, int32_t level, int32_t name, base::GuestAddr value,
                                 sentry::UserInOut<int32_t> length) {
  SocketFile file = TRY(GetSocket(task, fd));
  int32_t room = TRY(length.Read(task.user_memory()));
  if (room < 0) return base::Errno(EINVAL);
  std::string bytes = TRY(file->socket().GetOption(task, level, name, static_cast<size_t>(room)));
  if (level == SOL_SOCKET && name == SO_PEERGROUPS && bytes.size() > static_cast<size_t>(room)) {
    TRY(length.Write(task.user_memory(), static_cast<int32_t>(bytes.size())));
    return base::Errno(ERANGE);
  }
  size_t count = std::min(bytes.size(), static_cast<size_t>(room));
  TRY(task.user_memory().CopyOut(value, std::as_bytes(std::span(bytes).first(count))));
  return length.Write(task.user_memory(), static_cast<int32_t>(count));
}

base::Result<void> SysSetsockopt(Task& task, base::Fd fd, int32_t level, int32_t name, base::GuestAddr value,
                                 int32_t length) {
  SocketFile file = TRY(GetSocket(task, fd));
  if (length < 0) return base::Errno(EINVAL);
  std::string bytes(static_cast<size_t>(std::min(length, kMaxOption)), '\0');
  TRY(task.user_memory().CopyIn(value, std::as_writable_bytes(std::span(bytes))));
  return file->socket().SetOption(task, level, name, bytes);
}

}  // namespace syscalls
