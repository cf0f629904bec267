// SPDX-License-Identifier: Apache-2.0
// /proc/PID/net.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "sentry/fs/proc_text.h"
#include "sentry/net/network_namespace.h"
#include "sentry/net/socket/unix/unix_names.h"
#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {

std::string ProcNetUnix(NetworkNamespace& network) {
  constexpr unsigned kListens = 0x10000;  // __SO_ACCEPTCON
  // SS_*: without a description it is about to be connected.
  constexpr unsigned kUnconnected = 1, kConnecting = 2, kConnected = 3;
  std::string text = "Num       RefCount Protocol Flags    Type St Inode Path\n";
  for (const auto& socket : network.unix_names().All()) {
    UnixSocket::Summary row = socket->Describe();
    unsigned state = !row.connected ? kUnconnected : row.inode == 0 ? kConnecting : kConnected;
    // Addresses of the kernel are nobody's business.
    absl::StrAppendFormat(&text, "%016x: %08X %08X %08X %04X %02X %5u", 0, row.references, 0,
                          row.listening ? kListens : 0, row.type, state, row.inode);
    if (row.name.kind != UnixName::Kind::kUnnamed) {
      std::string shown = row.name.kind == UnixName::Kind::kAbstract ? "@" + row.name.text : row.name.text;
      std::replace(shown.begin(), shown.end(), '\0', '@');
      absl::StrAppendFormat(&text, " %s", shown);
    }
    text += '\n';
  }
  return text;
}

}  // namespace sentry
