// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/socket.h"

namespace sentry {

base::Result<void> Socket::Listen(const SocketCaller&, int) { return base::Errno(EOPNOTSUPP); }
base::Result<base::RefPtr<Socket>> Socket::TryAccept() { return base::Errno(EOPNOTSUPP); }
base::Result<uint64_t> Socket::Ioctl(vfs::Context&, uint32_t, uint64_t) { return base::Errno(ENOTTY); }

base::Result<std::string> Socket::GetFamilyOption(vfs::Context&, int level, int, size_t) {
  return base::Errno(level == SOL_SOCKET ? ENOPROTOOPT : EOPNOTSUPP);
}

base::Result<void> Socket::SetFamilyOption(vfs::Context&, int level, int, std::string_view) {
  return base::Errno(level == SOL_SOCKET ? ENOPROTOOPT : EOPNOTSUPP);
}

base::Result<int> OptionInt(std::string_view value) {
  int number = 0;
  if (value.size() < sizeof(number)) return base::Errno(EINVAL);
  memcpy(&number, value.data(), sizeof(number));
  return number;
}

}  // namespace sentry
