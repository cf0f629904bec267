// SPDX-License-Identifier: Apache-2.0
// /proc/PID: what a process is.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "sentry/fs/devpts/devpts.h"
#include "sentry/fs/devpts/terminal.h"
#include "sentry/fs/proc_text.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/mount.h"

namespace sentry {
namespace {

constexpr int64_t kTick = 10'000'000;  // Nanoseconds of one of the 100 clock ticks a second.

struct Family {
  int parent = 0, group = 0, session = 0, threads = 0;
  char state = 'S';
  int exit_signal = SIGCHLD;
  int wait_status = 0;
  CpuTimes children;
  uint32_t terminal = 0;  // Device number; 0: none.
  int foreground = -1;
  std::string name;  // Of a zombie.
};

Family FamilyOf(ThreadGroup& group) {
  base::MutexLock lock(group.kernel().tree_mutex());
  Family family;
  if (group.parent != nullptr) family.parent = group.parent->pid().value();
  if (group.process_group) {
    family.group = group.process_group->id.value();
    family.session = group.process_group->session->id.value();
  }
  if (base::RefPtr<Terminal> terminal = Terminal::Of(group)) {
    family.terminal = Devpts::DeviceNumber(terminal->number());
    family.foreground = terminal->foreground_id().value();
  }
  family.threads = static_cast<int>(group.tasks.size());
  family.exit_signal = group.exit_signal;
  family.wait_status = group.wait_status;
  family.children = group.children_usage.times;
  if (group.zombie) {
    family.state = 'Z';
    family.name = group.last_name;
  } else if (group.stopped()) {
    family.state = 'T';
  }
  return family;
}

std::string Comm(Task* task, const Family& family) { return task != nullptr ? task->name() : family.name; }

const char* StateWord(char state) {
  switch (state) {
    case 'R':
      return "R (running)";
    case 'T':
      return "T (stopped)";
    case 'Z':
      return "Z (zombie)";
    default:
      return "S (sleeping)";
  }
}

char StateOf(const Family& family, Task* task) {
  if (family.state != 'S' || task == nullptr) return family.state;
  return task->running() ? 'R' : 'S';
}

std::string ReadRange(Task& task, base::GuestRange range, size_t limit) {
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  if (!memory || range.empty()) return {};
  std::string text(std::min<uint64_t>(range.length(), limit), '\0');
  auto bytes = std::as_writable_bytes(std::span(text.data(), text.size()));
  auto copied = memory->address_space().CopyIn(range.begin, bytes, /*ignore_protection=*/true);
  text.resize(copied.ok() ? copied.value() : 0);
  return text;
}

}  // namespace

std::string ProcPidStat(ThreadGroup& group, Task* task, bool whole) {
  Family family = FamilyOf(group);
  base::RefPtr<MemoryManager> memory = task != nullptr ? task->SharedMemory() : nullptr;
  MemoryUsage usage;
  ImageInfo image;
  uint64_t resident = 0;
  if (memory) {
    usage = memory->Usage();
    image = memory->image();
    resident = memory->address_space().resident_bytes() / base::kPageSize;
  }
  int id = task != nullptr && !whole ? task->tid().value() : group.pid().value();
  int64_t start = task != nullptr && !whole ? task->start_time_ns() : group.start_time_ns();
  CpuTimes times = task != nullptr && !whole ? ThreadTimes(*task) : ProcessTimes(group);
  int nice = task != nullptr ? task->scheduling().With([](const Scheduling& s) { return s.nice; }) : 0;
  base::abi::SignalSet ignored = 0, caught = 0;
  group.handlers()->Masks(&ignored, &caught);
  base::abi::SignalSet pending = task != nullptr ? task->PendingSet() : 0;
  std::string text =
      absl::StrFormat("%d (%s) %c %d %d %d %u %d 0 0 0 0 0 ", id, Comm(task, family), StateOf(family, task),
                      family.parent, family.group, family.session, family.terminal, family.foreground);
  constexpr int kDefaultPriority = 20;
  absl::StrAppendFormat(&text, "%d %d %d %d %d %d %d 0 %d %d %d %u ", times.user_ns / kTick, times.system_ns / kTick,
                        family.children.user_ns / kTick, family.children.system_ns / kTick, kDefaultPriority + nice,
                        nice, family.threads, start / kTick, usage.total, resident, uint64_t{UINT64_MAX});
  absl::StrAppendFormat(&text, "%u %u %u 0 0 %u 0 %u %u 0 0 0 ", image.code.begin.value(), image.code.end.value(),
                        image.start_stack.value(), pending & 0x7fffffff, ignored & 0x7fffffff, caught & 0x7fffffff);
  absl::StrAppendFormat(&text, "%d 0 0 0 0 0 0 %u %u %u %u %u %u %u %d\n", family.exit_signal, image.data.begin.value(),
                        image.data.end.value(), memory ? memory->HeapRange().begin.value() : 0,
                        image.arguments.begin.value(), image.arguments.end.value(), image.environment.begin.value(),
                        image.environment.end.value(), family.wait_status);
  return text;
}

std::string ProcPidStatus(ThreadGroup& group, Task* task) {
  Family family = FamilyOf(group);
  std::string text = absl::StrFormat("Name:\t%s\n", Comm(task, family));
  base::RefPtr<FsContext> fs = task != nullptr ? task->SharedFs() : nullptr;
  if (fs) absl::StrAppendFormat(&text, "Umask:\t%04o\n", fs->umask());
  int id = task != nullptr ? task->tid().value() : group.pid().value();
  absl::StrAppendFormat(&text, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
                        StateWord(StateOf(family, task)), group.pid().value(), id, family.parent);
  base::RefPtr<vfs::Credentials> who = task != nullptr ? task->SharedCredentials() : nullptr;
  if (who) {
    absl::StrAppendFormat(&text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", who->ruid.value(), who->euid.value(),
                          who->suid.value(), who->fsuid.value(), who->rgid.value(), who->egid.value(),
                          who->sgid.value(), who->fsgid.value());
  }
  base::RefPtr<FdTable> fds = task != nullptr ? task->SharedFds() : nullptr;
  if (fds)
    absl::StrAppendFormat(&text, "FDSize:\t%u\n",
                          std::max(64u, std::bit_ceil(static_cast<unsigned>(fds->open_count()))));
  if (who) {
    text += "Groups:\t";
    for (base::KGid gid : who->groups) absl::StrAppend(&text, gid.value(), " ");
    text += "\n";
  }
  absl::StrAppendFormat(&text, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", group.pid().value(), id,
                        family.group, family.session);
  base::RefPtr<MemoryManager> memory = task != nullptr ? task->SharedMemory() : nullptr;
  if (memory) {
    MemoryUsage usage = memory->Usage();
    uint64_t resident = memory->address_space().resident_bytes() / 1024;
    absl::StrAppendFormat(&text,
                          "VmPeak:\t%8u kB\nVmSize:\t%8u kB\nVmLck:\t%8u kB\nVmPin:\t%8u kB\nVmHWM:\t%8u kB\n"
                          "VmRSS:\t%8u kB\nVmData:\t%8u kB\nVmStk:\t%8u kB\nVmSwap:\t%8u kB\n",
                          usage.total / 1024, usage.total / 1024, usage.locked / 1024, 0u, resident, resident,
                          usage.data / 1024, usage.stack / 1024, 0u);
  }
  base::abi::SignalSet ignored = 0, caught = 0;
  group.handlers()->Masks(&ignored, &caught);
  absl::StrAppendFormat(&text, "Threads:\t%d\n", std::max(family.threads, 1));
  absl::StrAppendFormat(&text, "SigPnd:\t%016x\nShdPnd:\t%016x\nSigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\n",
                        task != nullptr ? task->PendingSet() : 0, 0, task != nullptr ? task->SharedSignalMask() : 0,
                        ignored, caught);
  if (who) {
    absl::StrAppendFormat(&text, "CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
                          who->inheritable, who->permitted, who->effective, who->bounding, who->ambient);
    absl::StrAppendFormat(&text, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", who->no_new_privileges ? 1 : 0);
  }
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  absl::StrAppendFormat(&text, "Cpus_allowed:\t%x\nCpus_allowed_list:\t0-%d\n", (uint64_t{1} << (cpus & 63)) - 1,
                        cpus - 1);
  text += "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n";
  return text;
}

std::string ProcPidStatm(Task& task) {
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  if (!memory) return "0 0 0 0 0 0 0\n";
  MemoryUsage usage = memory->Usage();
  uint64_t resident = memory->address_space().resident_bytes() / base::kPageSize;
  uint64_t code = memory->image().code.length() / base::kPageSize;
  return absl::StrFormat("%u %u %u %u 0 %u 0\n", usage.total / base::kPageSize, resident, resident / 2, code,
                         (usage.data + usage.stack) / base::kPageSize);
}

std::string ProcPidCmdline(Task& task) {
  constexpr size_t kLimit = 1 << 20;
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  return memory ? ReadRange(task, memory->image().arguments, kLimit) : std::string();
}

std::string ProcPidEnviron(Task& task) {
  constexpr size_t kLimit = 1 << 20;
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  return memory ? ReadRange(task, memory->image().environment, kLimit) : std::string();
}

std::string ProcPidAuxv(Task& task) {
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  if (!memory) return {};
  std::vector<uint64_t> words = memory->image().auxiliary_vector;
  return std::string(static_cast<const char*>(static_cast<const void*>(words.data())), words.size() * 8);
}

std::string ProcPidLimits(ThreadGroup& group) {
  static constexpr struct {
    int resource;
    const char* name;
    const char* unit;
  } kRows[] = {{RLIMIT_CPU, "Max cpu time", "seconds"},         {RLIMIT_FSIZE, "Max file size", "bytes"},
               {RLIMIT_DATA, "Max data size", "bytes"},         {RLIMIT_STACK, "Max stack size", "bytes"},
               {RLIMIT_CORE, "Max core file size", "bytes"},    {RLIMIT_RSS, "Max resident set", "bytes"},
               {RLIMIT_NPROC, "Max processes", "processes"},    {RLIMIT_NOFILE, "Max open files", "files"},
               {RLIMIT_MEMLOCK, "Max locked memory", "bytes"},  {RLIMIT_AS, "Max address space", "bytes"},
               {RLIMIT_LOCKS, "Max file locks", "locks"},       {RLIMIT_SIGPENDING, "Max pending signals", "signals"},
               {RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"}, {RLIMIT_NICE, "Max nice priority", ""},
               {RLIMIT_RTPRIO, "Max realtime priority", ""},    {RLIMIT_RTTIME, "Max realtime timeout", "us"}};
  auto show = [](uint64_t value) { return value == RLIM_INFINITY ? std::string("unlimited") : absl::StrCat(value); };
  std::string text = absl::StrFormat("%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const auto& row : kRows) {
    Limit limit = group.limits().Get(row.resource);
    absl::StrAppendFormat(&text, "%-25s %-20s %-20s %-10s\n", row.name, show(limit.soft), show(limit.hard), row.unit);
  }
  return text;
}

std::string ProcPidComm(Task& task) { return task.name() + "\n"; }

std::string ProcPidIo(Task&) {
  return "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n";
}

std::string ProcPidCgroup(Task&) { return "0::/\n"; }

std::string ProcPidIdMap() { return "         0          0 4294967295\n"; }

std::string ProcPidFdinfo(Task& task, base::Fd fd) {
  base::RefPtr<FdTable> fds = task.SharedFds();
  if (!fds) return {};
  auto file = fds->Get(fd);
  if (!file.ok()) return {};
  auto close_on_exec = fds->CloseOnExec(fd);
  constexpr int kCloseOnExec = 02000000;
  int flags = (*file)->flags() | (close_on_exec.ok() && *close_on_exec ? kCloseOnExec : 0);
  int mount = (*file)->path().mount ? (*file)->path().mount->id() : 0;
  return absl::StrFormat("pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t0\n%s", (*file)->offset(), flags, mount,
                         (*file)->Details());
}

}  // namespace sentry
