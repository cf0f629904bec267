// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/kick_refusal.h"

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

}  // namespace

bool KickRefusal::Look(uint64_t kick, const KickedThread& now) {
  bool same = kick == kick_ && first_.blocked && now.blocked;
  bool refuses = same && (now.ticks >= first_.ticks + kBusyTicks || (now.asleep && asleep_));
  if (!same) first_ = now;
  kick_ = kick;
  asleep_ = now.asleep;
  return refuses;
}

std::optional<FutexWait> ParseFutexWait(const char* text) {
  unsigned long long number = 0, address = 0, operation = 0, value = 0;
  if (sscanf(text, "%llu %llx %llx %llx", &number, &address, &operation, &value) != 4) return std::nullopt;
  if (number != SYS_futex) return std::nullopt;
  return FutexWait{address, static_cast<uint32_t>(value)};
}

uint64_t ParseProcessorTicks(const char* text) {
  const char* at = strrchr(text, ')');
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

void StubThread::CheckKick() {
  uint64_t kick = 0;
  uint32_t word = 0;
  {
    base::MutexLock lock(mutex_);
    if (!kicked_ || (state_ != State::kRunning && state_ != State::kLeaving && state_ != State::kExiting)) return;
    kick = kick_number_;
    word = word_;
  }
  if (stub_->kill_wanted()) return;
  int proc = stub_->machine().proc.get();
  KickedThread now;
  {
    Stub::PidUse use(*stub_);
    char text[2048];
    if (proc < 0 || use.pid() == 0 || !ReadThreadFile(proc, use.pid(), tid(), "status", text)) return;
    now.blocked = KickBlocked(text);
    if (ReadThreadFile(proc, use.pid(), tid(), "stat", text)) now.ticks = ParseProcessorTicks(text);
    if (ReadThreadFile(proc, use.pid(), tid(), "syscall", text)) {
      std::optional<FutexWait> wait = ParseFutexWait(text);
      // Stopped or frozen in the futex it was woken from, it has been told to go and cannot.
      now.asleep = wait && !(wait->address == SlotAddress() + SLOT_WORD && wait->value != word);
    }
  }
  bool refuses = false;
  {
    base::MutexLock lock(mutex_);
    refuses = kicked_ && kick == kick_number_ && refusal_.Look(kick, now);
  }
  if (refuses) stub_->Breach("a thread that refuses to be kicked");
}

}  // namespace platform::systrap
