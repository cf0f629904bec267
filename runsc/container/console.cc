// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include <cstring>

#include "runsc/util/packet.h"

namespace runsc {
namespace {

StatusOr<base::UniqueFd> ConnectTo(const std::string& path) {
  base::UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd) return SystemError("socket");
  // By its directory's descriptor: the path may be longer than an address can hold.
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  base::UniqueFd directory_fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_fd) return SystemError("--console-socket: " + directory);
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string short_path = "/proc/self/fd/" + std::to_string(directory_fd.get()) + "/" + name;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (short_path.size() >= sizeof(address.sun_path)) return InvalidInput("--console-socket: " + path + ": is too long");
  memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  void* bytes = &address;
  if (connect(socket_fd.get(), static_cast<sockaddr*>(bytes), sizeof(address)) != 0) {
    return SystemError("--console-socket: " + path);
  }
  return socket_fd;
}

}  // namespace

StatusOr<base::UniqueFd> MakeConsole(const std::string& console_socket, const std::optional<spec::ConsoleSize>& size) {
  base::UniqueFd socket_fd = TRY_STATUS(ConnectTo(console_socket));
  base::UniqueFd master(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master) return SystemError("/dev/ptmx");
  int unlock = 0;
  if (ioctl(master.get(), TIOCSPTLCK, &unlock) != 0) return SystemError("unlocking the terminal");
  base::UniqueFd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return SystemError("opening the terminal");
  if (size) {
    struct winsize window = {size->height, size->width, 0, 0};
    if (ioctl(master.get(), TIOCSWINSZ, &window) != 0) return SystemError("setting the terminal's size");
  }
  // The text is what engines show as the descriptor's name.
  RETURN_IF_ERROR(Annotate(SendPacket(socket_fd.get(), "/dev/ptmx", {master.get()}), "--console-socket"));
  return slave;
}

}  // namespace runsc
