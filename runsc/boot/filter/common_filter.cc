// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "runsc/boot/filter/filter.h"

namespace runsc {

const FilterTable& CommonFilter() {
  constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                               CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  static const FilterTable kTable = {
      {SYS_brk, {}, "malloc"},
      {SYS_mmap, {Only(2, 3)}, "malloc, stacks, buffers; never executable"},
      {SYS_mprotect, {Only(2, 3)}, "stacks of threads and fibers; never executable"},
      {SYS_munmap, {}, "the reverse"},
      {SYS_mremap, {}, "realloc"},
      {SYS_madvise, {}, "giving memory back; stacks of ended threads"},
      {SYS_futex, {}, "locks and condition variables"},
      {SYS_clone, {Equals(0, kThread)}, "pthread_create: threads, no processes"},
      {SYS_clone3, {}, "its flags are in memory, where no filter sees them: the C library then uses clone", ENOSYS},
      {SYS_set_robust_list, {}, "a new thread"},
      {SYS_rseq, {}, "a new thread"},
      {SYS_rt_sigprocmask, {}, "a new thread"},
      {SYS_rt_sigaction, {}, "abort"},
      {SYS_rt_sigreturn, {}, "return from a signal handler"},
      {SYS_sigaltstack, {}, "a thread's end"},
      {SYS_sched_yield, {}, "spin locks"},
      {SYS_sched_getaffinity, {}, "how many CPUs there are"},
      {SYS_gettid, {}, "locks, abort"},
      {SYS_getpid, {}, "abort"},
      {SYS_tgkill, {}, "abort; kicks. The pid namespace holds nothing but this process and its stubs"},
      {SYS_exit, {}, "a thread's end"},
      {SYS_exit_group, {}, "the end"},
      {SYS_restart_syscall, {}, "the kernel's own way back into an interrupted call"},
      {SYS_clock_gettime, {}, "clocks that the vDSO does not have"},
      {SYS_clock_nanosleep, {}, "sleeping"},
      {SYS_nanosleep, {}, "sleeping"},
      {SYS_getrandom, {}, "hash seeds, random data"},
      {SYS_getcpu, {}, "where a thread runs"},
      {SYS_read, {}, "an open descriptor"},
      {SYS_write, {}, "an open descriptor; the log"},
      {SYS_readv, {}, "an open descriptor"},
      {SYS_writev, {}, "an open descriptor"},
      {SYS_pread64, {}, "an open descriptor"},
      {SYS_pwrite64, {}, "an open descriptor"},
      {SYS_lseek, {}, "an open descriptor"},
      {SYS_close, {}, "an open descriptor"},
      {SYS_dup, {}, "an open descriptor"},
      {SYS_fcntl, {Equals(1, F_GETFL)}, "how a descriptor was opened"},
      {SYS_fcntl, {Equals(1, F_SETFL)}, "O_NONBLOCK, O_APPEND"},
      {SYS_fcntl, {Equals(1, F_GETFD)}, "whether a descriptor is open"},
      {SYS_fcntl, {Equals(1, F_DUPFD_CLOEXEC)}, "duplicates"},
      {SYS_sendmsg, {}, "answers to clients, with descriptors"},
      {SYS_recvmsg, {}, "requests, with descriptors"},
      {SYS_sendto, {}, "send(2) on connected sockets; there are no others"},
      {SYS_recvfrom, {}, "recv(2)"},
      {SYS_poll, {}, "waiting for descriptors"},
      {SYS_ppoll, {}, "waiting for descriptors"},
      {SYS_prctl, {Equals(0, PR_SET_NAME)}, "names of threads"},
      {SYS_prctl, {Equals(0, PR_SET_VMA)}, "malloc names its memory"},
      {SYS_prctl, {Equals(0, PR_SET_PDEATHSIG), Equals(1, 0)}, "no longer to die with the runsc that started it"},
  };
  return kTable;
}

}  // namespace runsc
