// SPDX-License-Identifier: Apache-2.0
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "runsc/boot/filter/filter.h"

namespace runsc {

const FilterTable& SentryFilter() {
  static const FilterTable kTable = {
      // The stubs: all of them children, in this pid namespace.
      {SYS_ioctl, {Equals(1, SECCOMP_IOCTL_NOTIF_RECV)}, "a guest's system call"},
      {SYS_ioctl, {Equals(1, SECCOMP_IOCTL_NOTIF_SEND)}, "its answer"},
      {SYS_ioctl, {Equals(1, SECCOMP_IOCTL_NOTIF_ID_VALID)}, "whether it still waits"},
      {SYS_ioctl, {Equals(1, SECCOMP_IOCTL_NOTIF_ADDFD)}, "a descriptor for the stub to map"},
      {SYS_process_vm_readv, {}, "guest memory"},
      {SYS_process_vm_writev, {}, "guest memory"},
      {SYS_openat,
       {IsDescriptor(0), Only(2, O_RDWR | O_CLOEXEC | O_NOFOLLOW)},
       "/proc/<stub>/... below the descriptor of procfs. An absolute path finds the empty root"},
      {SYS_openat,
       {Equals(0, static_cast<uint32_t>(AT_FDCWD)), Equals(2, O_RDONLY | O_CLOEXEC)},
       "malloc looks for /proc/sys/vm/overcommit_memory when it gives memory back: it is told that there is none",
       ENOENT},
      {SYS_wait4, {}, "dead stubs"},
      {SYS_waitid, {}, "dead stubs"},
      {SYS_kill, {}, "stubs: the pid namespace holds nothing else"},
      // Files that the gofer has opened, memory files, standard descriptors.
      {SYS_fstat, {}, "an open descriptor"},
      {SYS_newfstatat, {IsDescriptor(0), Equals(3, AT_EMPTY_PATH)}, "fstat(3)"},
      {SYS_statx, {IsDescriptor(0), Only(2, AT_EMPTY_PATH | AT_STATX_SYNC_TYPE | AT_SYMLINK_NOFOLLOW)}, "attributes"},
      {SYS_fstatfs, {}, "an open descriptor"},
      {SYS_preadv, {}, "file data"},
      {SYS_pwritev, {}, "file data"},
      {SYS_preadv2, {}, "file data"},
      {SYS_pwritev2, {}, "file data; RWF_APPEND"},
      {SYS_ftruncate, {}, "truncate, and the size of memory files"},
      {SYS_fallocate, {}, "fallocate, holes"},
      {SYS_fsync, {}, "fsync"},
      {SYS_fdatasync, {}, "fdatasync"},
      {SYS_sync_file_range, {}, "sync_file_range"},
      {SYS_fadvise64, {}, "posix_fadvise"},
      {SYS_readahead, {}, "readahead"},
      {SYS_copy_file_range, {}, "copying between files of the gofer"},
      {SYS_splice, {}, "copying to and from host pipes"},
      {SYS_memfd_create, {}, "tmpfs files and shared memory"},
      {SYS_fcntl, {Equals(1, F_ADD_SEALS)}, "memory files that stubs map may not shrink"},
      {SYS_fcntl, {Equals(1, F_GET_SEALS)}, "memory files"},
      {SYS_fcntl, {Equals(1, F_SETFD)}, "close-on-exec"},
      {SYS_msync, {}, "msync of a mapping of ours"},
      {SYS_mincore, {}, "which pages of a memory file are there"},
      {SYS_ioctl, {Equals(1, FIONREAD)}, "how much can be read"},
      {SYS_ioctl, {Equals(1, TIOCOUTQ)}, "how much is not sent"},
      {SYS_ioctl, {Equals(1, TCGETS)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCSETS)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCSETSW)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCSETSF)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCSBRK)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCXONC)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TCFLSH)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TIOCGWINSZ)}, "a terminal that was passed on"},
      {SYS_ioctl, {Equals(1, TIOCSWINSZ)}, "a terminal that was passed on"},
      {SYS_ioctl,
       {Equals(1, TIOCSCTTY), Equals(2, 0)},
       "the container's terminal tells of its size; nobody's is taken"},
      {SYS_signalfd4, {}, "waiting for that"},
      // Waiting, time, facts.
      {SYS_epoll_create1, {}, "the poller of host descriptors"},
      {SYS_epoll_ctl, {}, "the poller of host descriptors"},
      {SYS_epoll_wait, {}, "the poller of host descriptors"},
      {SYS_epoll_pwait, {}, "the poller of host descriptors"},
      {SYS_eventfd2, {}, "waking threads that wait in poll"},
      {SYS_timerfd_create, {}, "timers of the poller"},
      {SYS_timerfd_settime, {}, "timers of the poller"},
      {SYS_clock_getres, {}, "clock_getres"},
      {SYS_getrusage, {}, "CPU time"},
      {SYS_sysinfo, {}, "/proc/meminfo, sysinfo"},
      {SYS_sched_setaffinity, {}, "placing workers and stubs"},
      {SYS_membarrier, {}, "fences between workers"},
      {SYS_prlimit64, {Equals(2, 0)}, "getrlimit of this process or a stub"},
      {SYS_geteuid, {}, "who the control socket's clients are"},
      // The control socket.
      {SYS_accept4, {}, "the control socket's clients: the only listening socket there is"},
      {SYS_getsockopt, {Equals(1, SOL_SOCKET), Equals(2, SO_PEERCRED)}, "who they are"},
      {SYS_shutdown, {}, "ending a connection"},
      {SYS_pipe2, {}, "waking"},
  };
  return kTable;
}

}  // namespace runsc
