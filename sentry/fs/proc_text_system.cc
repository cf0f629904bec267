// SPDX-License-Identifier: Apache-2.0
// /proc: what the machine is.
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "sentry/fs/cpu_info_amd64.h"
#include "sentry/fs/proc_text.h"
#include "sentry/kernel_context.h"
#include "sentry/version.h"
#include "vfs/lock/file_lock.h"

namespace sentry {

std::string ProcUptime() {
  int64_t now = base::MonotonicNow() / 10'000'000;
  return absl::StrFormat("%d.%02d %d.%02d\n", now / 100, now % 100, now / 100, now % 100);
}

std::string ProcLoadavg(Kernel& kernel) {
  size_t tasks = kernel.task_count();
  int last = 0;
  {
    base::MutexLock lock(kernel.tree_mutex());
    last = kernel.last_id();
  }
  return absl::StrFormat("0.00 0.00 0.00 1/%d %d\n", tasks, last);
}

std::string ProcMeminfo() {
  struct sysinfo info = {};
  sysinfo(&info);
  uint64_t unit = info.mem_unit / 1024 != 0 ? info.mem_unit / 1024 : 1;
  auto kib = [&](uint64_t value) { return info.mem_unit >= 1024 ? value * unit : value * info.mem_unit / 1024; };
  uint64_t total = kib(info.totalram), free = kib(info.freeram), buffers = kib(info.bufferram);
  std::string text;
  auto row = [&](const char* name, uint64_t value) { absl::StrAppendFormat(&text, "%-15s %8u kB\n", name, value); };
  row("MemTotal:", total);
  row("MemFree:", free);
  row("MemAvailable:", free + buffers);
  row("Buffers:", buffers);
  row("Cached:", 0);
  row("SwapCached:", 0);
  row("Active:", (total - free) / 2);
  row("Inactive:", (total - free) / 2);
  row("SwapTotal:", 0);
  row("SwapFree:", 0);
  row("Dirty:", 0);
  row("Writeback:", 0);
  row("AnonPages:", total - free);
  row("Mapped:", 0);
  row("Shmem:", kib(info.sharedram));
  row("Slab:", 0);
  row("SReclaimable:", 0);
  row("SUnreclaim:", 0);
  row("CommitLimit:", total / 2);
  row("Committed_AS:", total - free);
  row("VmallocTotal:", 34359738367);
  row("VmallocUsed:", 0);
  return text;
}

std::string ProcStat(Kernel& kernel) {
  int64_t ticks = base::MonotonicNow() / 10'000'000;
  long cpus = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  std::string text = absl::StrFormat("cpu  0 0 0 %d 0 0 0 0 0 0\n", ticks * cpus);
  for (long cpu = 0; cpu < cpus; ++cpu) absl::StrAppendFormat(&text, "cpu%d 0 0 0 %d 0 0 0 0 0 0\n", cpu, ticks);
  int64_t boot = (base::RealtimeNow() - base::MonotonicNow()) / 1'000'000'000;
  absl::StrAppendFormat(&text, "intr 0\nctxt 0\nbtime %d\nprocesses %d\nprocs_running 1\nprocs_blocked 0\n", boot,
                        kernel.task_count());
  return text;
}

std::string ProcCpuinfo() {
  CpuInfo cpu = ReadCpuInfo();
  std::string text;
  long cpus = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  for (long i = 0; i < cpus; ++i) {
    absl::StrAppendFormat(&text,
                          "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n"
                          "stepping\t: %u\nphysical id\t: 0\nsiblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n"
                          "apicid\t\t: %d\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t: %s\nbugs\t\t:\n"
                          "clflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 48 bits physical, 48 bits "
                          "virtual\npower management:\n\n",
                          i, cpu.vendor, cpu.family, cpu.model, cpu.name, cpu.stepping, cpus, i, cpus, i, cpu.flags);
  }
  return text;
}

std::string ProcVersion() {
  return absl::StrCat(kSystemName, " version ", kSystemRelease, " (runsc) ", kSystemVersion, "\n");
}

std::string ProcFilesystems() {
  return "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\nnodev\tdevpts\nnodev\toverlay\n";
}

std::string ProcLocks() {
  KernelContext context;
  std::string text;
  int number = 0;
  for (const vfs::LockInfo& info : vfs::FileLocks::List(context)) {
    static constexpr const char* kKinds[] = {"POSIX ", "OFDLCK", "FLOCK "};
    if (!info.waiting) ++number;
    absl::StrAppendFormat(&text, "%d: %s%s ADVISORY  %s %d 00:%02x:%d %d ", number, info.waiting ? "-> " : "",
                          kKinds[static_cast<int>(info.lock.kind)],
                          info.lock.type == vfs::LockType::kWrite ? "WRITE" : "READ ", info.lock.process,
                          info.device_minor, info.inode, info.lock.first);
    if (info.lock.last == uint64_t{INT64_MAX}) {
      text += "EOF\n";
    } else {
      absl::StrAppendFormat(&text, "%d\n", info.lock.last);
    }
  }
  return text;
}

std::string ProcCmdline() { return "quiet\n"; }

}  // namespace sentry
