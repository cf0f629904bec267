// SPDX-License-Identifier: Apache-2.0
// A guest can block the kick signal, by an rt_sigreturn of its own making from the stub page. Then its thread answers
// no kick, and its process is killed. Slowness (a throttled, frozen, stopped or swapped out process) is no such thing:
// what counts is what the host says about the thread, not time.
#include <fcntl.h>
#include <sys/syscall.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

// Processor time, in the host's ticks of 10 ms, that no way through the stub's handler takes.
constexpr uint64_t kBusyTicks = 2;

// Reads /proc/PID/task/TID/`name`. False when it cannot be read.
bool ReadThreadFile(int proc, int pid, int tid, const char* name, char (&text)[2048]) {
  char path[64];
  snprintf(path, sizeof(path), "%d/task/%d/%s", pid, tid, name);
  long fd = RawSyscall(SYS_openat, proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  base::UniqueFd file(static_cast<int>(fd));
  long got = RawSyscall(SYS_read, file.get(), text, sizeof(text) - 1);
  if (got <= 0) return false;
  text[got] = 0;
  return true;
}

bool KickBlocked(const char* status) {
  const char* line = strstr(status, "\nSigBlk:");
  if (line == nullptr) return false;
  uint64_t blocked = strtoull(line + strlen("\nSigBlk:"), nullptr, 16);
  return (blocked & (uint64_t{1} << (STUB_KICK_SIGNAL - 1))) != 0;
}

// User and system time.
uint64_t ProcessorTicks(const char* stat) {
  const char* at = strrchr(stat, ')');
  if (at == nullptr) return 0;
  // Behind the name, the third field is the state; time is in fields 14 and 15.
  for (int field = 2; field < 14; field++) {
    at = strchr(at + 1, ' ');
    if (at == nullptr) return 0;
  }
  char* end = nullptr;
  uint64_t user = strtoull(at, &end, 10);
  return user + strtoull(end, nullptr, 10);
}

}  // namespace

void StubThread::CheckKick() {
  {
    base::MutexLock lock(mutex_);
    bool expected = kicked_ && (state_ == State::kRunning || state_ == State::kLeaving || state_ == State::kExiting);
    if (!expected) {
      refusal_ = {};
      return;
    }
  }
  if (stub_->kill_wanted()) return;
  int proc = stub_->machine().proc.get();
  Refusal now;
  {
    Stub::PidUse use(*stub_);
    char text[2048];
    if (proc < 0 || use.pid() == 0 || !ReadThreadFile(proc, use.pid(), tid(), "status", text)) return;
    now.blocked = KickBlocked(text);
    if (ReadThreadFile(proc, use.pid(), tid(), "stat", text)) now.ticks = ProcessorTicks(text);
    if (ReadThreadFile(proc, use.pid(), tid(), "syscall", text)) now.asleep = atoi(text) == SYS_futex && text[0] != 'r';
  }
  bool refuses = false;
  {
    base::MutexLock lock(mutex_);
    // In its handler it blocks the signal too, but neither computes there nor sleeps while we think that it runs.
    refuses = kicked_ && now.blocked && refusal_.blocked &&
              (now.ticks >= refusal_.ticks + kBusyTicks || (now.asleep && refusal_.asleep));
    if (!now.blocked || !refusal_.blocked) refusal_ = now;
    refusal_.asleep = now.asleep;
  }
  if (refuses) stub_->Breach("a thread that refuses to be kicked");
}

}  // namespace platform::systrap
