// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/rootless.h"

#include <sched.h>
#include <unistd.h>

#include <string>

#include "runsc/util/files.h"

namespace runsc {

Status EnterRootlessNamespace() {
  std::string uid = std::to_string(geteuid());
  std::string gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return SystemError("runsc is not run by root, and cannot make a user namespace");
  }
  RETURN_IF_ERROR(WriteExistingFile("/proc/self/setgroups", "deny"));
  RETURN_IF_ERROR(WriteExistingFile("/proc/self/uid_map", "0 " + uid + " 1"));
  return WriteExistingFile("/proc/self/gid_map", "0 " + gid + " 1");
}

}  // namespace runsc
