// SPDX-License-Identifier: Apache-2.0
// Which arguments in memory come along with hot calls: small ones that calls of that number have as a rule.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/utsname.h>

#include "platform/systrap/hot_calls.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

namespace {

// Linux's, which the C library's differ from.
constexpr uint32_t kSignalSetSize = 8;
constexpr uint32_t kSignalActionSize = 32;
constexpr uint32_t kStatxSize = 256;

constexpr uint32_t OfSize(size_t size) { return static_cast<uint32_t>(size) << HOT_STRUCT_SHIFT; }

}  // namespace

uint32_t BroughtBy(uint32_t number) {
  static_assert(sizeof(utsname) < SLOT_HOT_DATA_SIZE);
  switch (number) {
    case SYS_write:
    case SYS_pwrite64:
    case SYS_sendto:
      return HOT_IN_BUFFER;
    case SYS_read:
    case SYS_pread64:
    case SYS_recvfrom:
      return HOT_OUT_BUFFER;
    case SYS_readlink:
      return HOT_IN_PATH_0 | HOT_OUT_BUFFER;
    case SYS_stat:
    case SYS_lstat:
      return HOT_IN_PATH_0 | HOT_OUT_STRUCT_1 | OfSize(sizeof(struct stat));
    case SYS_statfs:
      return HOT_IN_PATH_0 | HOT_OUT_STRUCT_1 | OfSize(sizeof(struct statfs));
    case SYS_newfstatat:
      return HOT_IN_PATH_1 | HOT_OUT_STRUCT_2 | OfSize(sizeof(struct stat));
    case SYS_statx:
      return HOT_IN_PATH_1 | HOT_OUT_STRUCT_4 | OfSize(kStatxSize);
    case SYS_fstat:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(struct stat));
    case SYS_fstatfs:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(struct statfs));
    case SYS_open:
    case SYS_creat:
    case SYS_access:
    case SYS_chdir:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_unlink:
    case SYS_rename:
    case SYS_link:
    case SYS_chmod:
    case SYS_chown:
    case SYS_truncate:
      return HOT_IN_PATH_0;
    case SYS_openat:
    case SYS_openat2:
    case SYS_faccessat:
    case SYS_faccessat2:
    case SYS_mkdirat:
    case SYS_unlinkat:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_readlinkat:
    case SYS_fchmodat:
    case SYS_fchownat:
    case SYS_utimensat:
      return HOT_IN_PATH_1;
    case SYS_rt_sigprocmask:
      return HOT_IN_STRUCT | HOT_OUT_STRUCT_2 | OfSize(kSignalSetSize);
    case SYS_rt_sigaction:
      return HOT_IN_STRUCT | HOT_OUT_STRUCT_2 | OfSize(kSignalActionSize);
    case SYS_setitimer:
      return HOT_IN_STRUCT | HOT_OUT_STRUCT_2 | OfSize(sizeof(itimerval));
    case SYS_clock_gettime:
    case SYS_clock_getres:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(timespec));
    case SYS_getitimer:
    case SYS_timerfd_gettime:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(itimerspec));
    case SYS_getrlimit:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(rlimit));
    case SYS_getrusage:
      return HOT_OUT_STRUCT_1 | OfSize(sizeof(rusage));
    case SYS_pipe:
    case SYS_pipe2:
      return HOT_OUT_STRUCT_0 | OfSize(2 * sizeof(int));
    case SYS_times:
      return HOT_OUT_STRUCT_0 | OfSize(sizeof(tms));
    case SYS_uname:
      return HOT_OUT_STRUCT_0 | OfSize(sizeof(utsname));
    default:
      return 0;
  }
}

}  // namespace platform::systrap
