// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include "runsc/boot/filter/filter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNSC_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define RUNSC_SANITIZED 1
#endif
#endif

namespace runsc {

const FilterTable& SanitizerFilter() {
  static const FilterTable kTable = {
#ifdef RUNSC_SANITIZED
      {SYS_open, {}, "reports: symbols, /proc/self/maps"},
      {SYS_openat, {}, "reports: symbols, /proc/self/maps"},
      {SYS_readlink, {}, "reports: /proc/self/exe"},
      {SYS_stat, {}, "reports: symbols"},
      {SYS_fstat, {}, "reports: symbols"},
      {SYS_mmap, {}, "shadow memory"},
      {SYS_mprotect, {}, "shadow memory"},
      {SYS_personality, {}, "address space layout"},
      {SYS_sched_getaffinity, {}, "the number of CPUs"},
      {SYS_prctl, {}, "names of memory"},
      {SYS_getrlimit, {}, "stack limits"},
      {SYS_prlimit64, {}, "stack limits"},
      {SYS_ptrace, {}, "leak detection"},
      {SYS_process_vm_readv, {}, "whether memory is accessible"},
      {SYS_pipe, {}, "whether memory is accessible"},
      {SYS_pipe2, {}, "whether memory is accessible"},
      {SYS_getppid, {}, "reports"},
      {SYS_kill, {}, "reports"},
      {SYS_uname, {}, "reports"},
      {SYS_ioctl, {}, "whether standard error is a terminal"},
#endif
  };
  return kTable;
}

}  // namespace runsc
