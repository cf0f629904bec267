// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "runsc/util/files.h"

// Whether this process has no /proc. LeakSanitizer, which asks at the end of a process of a sanitized build, finds the
// threads there, and without it ends the process with a status of its own.
static bool leak_check_impossible = false;
extern "C" __attribute__((visibility("default"), used)) int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return leak_check_impossible ? 1 : 0; }

namespace runsc {
namespace {

using Option = std::pair<const char*, const char*>;  // Name and value; a null value: a flag.

// A filesystem attached nowhere.
StatusOr<base::UniqueFd> NewFilesystem(const char* type, const std::vector<Option>& options, unsigned attributes) {
  base::UniqueFd context(static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context) return SystemError(std::string("fsopen ") + type);
  for (const auto& [name, value] : options) {
    unsigned command = value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (syscall(SYS_fsconfig, context.get(), command, name, value, 0) != 0) {
      return SystemError(std::string("option ") + name + " of " + type);
    }
  }
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return SystemError(std::string("making a ") + type);
  }
  base::UniqueFd mount(static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!mount) return SystemError(std::string("mounting a ") + type);
  return mount;
}

constexpr size_t kMaxMountInfo = 16 << 20;

constexpr const char* kKernelFilesystems[] = {
    "proc",       "sysfs",     "devtmpfs", "devpts",     "cgroup", "cgroup2",   "debugfs", "tracefs",
    "securityfs", "configfs",  "fusectl",  "pstore",     "bpf",    "hugetlbfs", "mqueue",  "binfmt_misc",
    "efivarfs",   "selinuxfs", "smackfs",  "rpc_pipefs", "nfsd",   "autofs",    "nsfs",    "resctrl"};

// Blanks in /proc/self/mountinfo are written as backslash, 0, 4, 0 and so on.
std::string Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// pivot_root refuses where the root is the kernel's initial ramfs: then the new root is moved over the old one.
Status MoveOverRoot() {
  if (mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return SystemError("moving the root");
  if (chroot(".") != 0) return SystemError("chroot");
  return absl::OkStatus();
}

}  // namespace

StatusOr<base::UniqueFd> CloneTree(const std::string& path, bool recursive, bool read_only) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  base::UniqueFd tree(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags)));
  if (!tree) return SystemError(path);
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0);
  attributes.propagation = MS_PRIVATE;
  if (syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) != 0) {
    return SystemError("setting mount attributes of " + path);
  }
  return tree;
}

StatusOr<base::UniqueFd> NewProcfs() {
  constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  return NewFilesystem("proc", {{"subset", "pid"}}, kAttributes);
}

Status SeparateMounts(bool receive) {
  if (mount(nullptr, "/", nullptr, MS_REC | (receive ? MS_SLAVE : MS_PRIVATE), nullptr) != 0) {
    return SystemError("making the mounts private");
  }
  return absl::OkStatus();
}

Status DropKernelMounts() {
  std::istringstream lines(TRY_STATUS(ReadFile("/proc/self/mountinfo", kMaxMountInfo)));
  std::vector<std::string> points;
  for (std::string line; std::getline(lines, line);) {
    // "id parent major:minor root mountpoint options [fields] - type source superoptions"
    std::istringstream words(line);
    std::string word, point, type;
    for (int i = 0; i < 5 && words >> word; ++i) point = word;
    while (words >> word && word != "-") continue;
    words >> type;
    if (std::find(std::begin(kKernelFilesystems), std::end(kKernelFilesystems), type) != std::end(kKernelFilesystems)) {
      points.push_back(Unescape(point));
    }
  }
  // The innermost first; with MNT_DETACH it does not matter what else lies below.
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (umount2(point->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
      return SystemError("unmounting " + *point);
    }
  }
  return absl::OkStatus();
}

Status EnterEmptyRoot() {
  leak_check_impossible = true;
  constexpr unsigned kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  base::UniqueFd root = TRY_STATUS(NewFilesystem("tmpfs", {{"size", "4096"}, {"mode", "0555"}}, kAttributes));
  // It must be mounted somewhere to become the root: over the present one, which stays our root until the pivot.
  if (syscall(SYS_move_mount, root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return SystemError("mounting the empty root");
  }
  if (fchdir(root.get()) != 0) return SystemError("fchdir");
  if (syscall(SYS_pivot_root, ".", ".") != 0) {
    if (errno != EINVAL) return SystemError("pivot_root");
    return MoveOverRoot();
  }
  // The old root now lies on top of the new one, at ".".
  if (umount2(".", MNT_DETACH) != 0) return SystemError("unmounting the old root");
  if (chdir("/") != 0) return SystemError("chdir /");
  return absl::OkStatus();
}

}  // namespace runsc
