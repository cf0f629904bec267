// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "runsc/boot/filter/filter.h"

namespace runsc {

const FilterTable& GoferFilter() {
  static const FilterTable kTable = {
      // A thread for each connection, with its own working directory: /proc/self/fd.
      {SYS_unshare, {Equals(0, CLONE_FS)}, "a working directory and umask for one thread"},
      {SYS_fchdir, {}, "into /proc/self/fd"},
      {SYS_umask, {}, "creation modes are the client's"},
      {SYS_prlimit64, {Equals(1, RLIMIT_NOFILE)}, "as many descriptors as may be"},
      {SYS_socketpair, {Equals(0, AF_UNIX)}, "a further connection for the client"},
      {SYS_fcntl, {Equals(1, F_SETFD)}, "close-on-exec"},
      {SYS_setsockopt, {Equals(1, SOL_SOCKET)}, "buffer sizes"},
      // The container's files. Names are single components below a descriptor, checked before; openat2 resolves none
      // through a link or out of the tree; relative names without a directory are those in /proc/self/fd.
      {SYS_openat2, {IsDescriptor(0)}, "a component of a path"},
      {SYS_openat, {}, "opening a file again through /proc/self/fd; the root is empty"},
      {SYS_statx, {IsDescriptor(0)}, "attributes"},
      {SYS_newfstatat, {}, "attributes"},
      {SYS_fstat, {}, "attributes"},
      {SYS_fstatfs, {}, "attributes of a filesystem"},
      {SYS_getdents64, {}, "a directory"},
      {SYS_readlinkat, {}, "a symbolic link"},
      {SYS_mkdirat, {IsDescriptor(0)}, "create"},
      {SYS_mknodat, {IsDescriptor(0)}, "create"},
      {SYS_symlinkat, {IsDescriptor(1)}, "create"},
      {SYS_linkat, {}, "link; a file without a name gets one through /proc/self/fd"},
      {SYS_unlinkat, {IsDescriptor(0)}, "unlink, rmdir"},
      {SYS_renameat, {IsDescriptor(0), IsDescriptor(2)}, "rename"},
      {SYS_renameat2, {IsDescriptor(0), IsDescriptor(2)}, "rename"},
      {SYS_chmod, {}, "through /proc/self/fd"},
      {SYS_fchmod, {}, "attributes"},
      {SYS_fchmodat, {}, "attributes"},
      {SYS_fchown, {}, "attributes"},
      {SYS_fchownat, {}, "attributes"},
      {SYS_truncate, {}, "through /proc/self/fd"},
      {SYS_ftruncate, {}, "attributes"},
      {SYS_utimensat, {}, "attributes"},
      {SYS_fsync, {}, "sync"},
      {SYS_fdatasync, {}, "sync"},
      {SYS_syncfs, {}, "sync"},
      {SYS_fallocate, {}, "space"},
      {SYS_getxattr, {}, "through /proc/self/fd"},
      {SYS_setxattr, {}, "through /proc/self/fd"},
      {SYS_listxattr, {}, "through /proc/self/fd"},
      {SYS_removexattr, {}, "through /proc/self/fd"},
      {SYS_fgetxattr, {}, "extended attributes"},
      {SYS_fsetxattr, {}, "extended attributes"},
      {SYS_flistxattr, {}, "extended attributes"},
      {SYS_fremovexattr, {}, "extended attributes"},
  };
  return kTable;
}

const FilterTable& GoferSocketFilter() {
  static const FilterTable kTable = {
      {SYS_socket, {Equals(0, AF_UNIX)}, "--host-uds=open"},
      {SYS_connect, {}, "--host-uds=open: to sockets in the container's tree"},
  };
  return kTable;
}

}  // namespace runsc
