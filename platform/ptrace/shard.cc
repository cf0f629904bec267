// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/shard.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/condvar.h"
#include "base/log.h"
#include "platform/ptrace/filter.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

constexpr uint64_t kAddressSpaceEnd = 0x7ffffffff000;
constinit base::LockClass kTakeoverLock{"ptrace::Shard::Takeover"};

// The zygote's first calls, as Start waits for them.
struct Takeover {
  explicit Takeover(Stub& zygote, int pid) : zygote(zygote), pid(pid) {}
  Stub& zygote;
  const int pid;
  Command command;
  Request request;
  base::Mutex mutex{kTakeoverLock};
  base::CondVar changed;
  bool done ABSL_GUARDED_BY(mutex) = false;
  int64_t result ABSL_GUARDED_BY(mutex) = 0;

  void Finish(int64_t outcome) {
    base::MutexLock lock(mutex);
    done = true;
    result = outcome;
    changed.NotifyAll();
  }
};

void Begin(Request& request) {
  auto& takeover = *static_cast<Takeover*>(request.context);
  auto seized = Seize(takeover.pid);
  if (!seized.ok()) {
    takeover.Finish(-seized.error().code());
    return;
  }
  takeover.zygote.tracer().Adopt(takeover.pid, base::RefPtr<Tracee>(&takeover.zygote));
  takeover.zygote.Begin(takeover.command);
}

void Finish(Command& command) {
  auto& takeover = *static_cast<Takeover*>(command.context);
  Machine& machine = takeover.zygote.machine();
  int64_t result = command.result;
  if (result >= 0) {
    auto size = ExtendedSetSize(takeover.pid, machine.facts);
    if (size.ok()) machine.extended_set_size = size.value();
    if (!size.ok()) result = -size.error().code();
  }
  takeover.Finish(result);
}

}  // namespace

Machine::Machine() = default;
Machine::~Machine() = default;

Shard::Shard(Machine& machine, int zygote_pid, base::UniqueFd socket)
    : machine_(machine),
      zygote_pid_(zygote_pid),
      socket_(std::move(socket)),
      zygote_(base::AdoptRef(new Stub(*this))) {}

Shard::~Shard() {
  tracer_.Stop();
  if (!zygote_->dead()) {
    // Nobody traces it.
    RawSyscall(SYS_kill, zygote_pid_, SIGKILL);
    RawSyscall(SYS_wait4, zygote_pid_, 0, __WALL, 0);
  }
}

base::Result<void> Shard::Start() {
  TRY(tracer_.Start());
  Takeover takeover(*zygote_, zygote_pid_);
  auto unmap = [&](uint64_t begin, uint64_t end) {
    if (begin < end) takeover.command.Add(HostCall{SYS_munmap, {begin, end - begin}});
  };
  uint64_t vdso_begin = machine_.vdso_begin != 0 ? machine_.vdso_begin : kAddressSpaceEnd;
  uint64_t vdso_end = machine_.vdso_begin != 0 ? machine_.vdso_end : kAddressSpaceEnd;
  unmap(0, STUB_CODE);
  unmap(STUB_CODE + STUB_IMAGE_SIZE, STUB_SCRATCH);
  unmap(STUB_SCRATCH + STUB_SCRATCH_SIZE, vdso_begin);
  unmap(vdso_end, kAddressSpaceEnd);
  takeover.command.Add(HostCall{SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, Labels().filter}});
  takeover.command.finish = Finish;
  takeover.command.context = &takeover;
  takeover.request.perform = Begin;
  takeover.request.context = &takeover;
  tracer_.Post(takeover.request);
  int64_t result = 0;
  {
    base::MutexLock lock(takeover.mutex);
    while (!takeover.done) takeover.changed.Wait(takeover.mutex);
    result = takeover.result;
  }
  if (result < 0) {
    RUNSC_ERROR("ptrace: the zygote cannot be traced: %s", base::ErrnoName(static_cast<int>(-result)));
    return base::Errno(static_cast<int>(-result));
  }
  return {};
}

base::Result<base::RefPtr<Stub>> Shard::NewStub() { return ForkStub(*zygote_); }

base::Result<base::RefPtr<Stub>> Shard::ForkStub(Stub& parent) {
  auto child = base::AdoptRef(new Stub(*this));
  Command command;
  command.Add(HostCall{SYS_clone, {ForkCloneFlags()}});
  command.child = child.get();
  auto result = parent.Execute(command);
  if (!result.ok()) return base::Errno(result.error().code() == ENOMEM ? ENOMEM : EAGAIN);
  return child;
}

void Shard::KillAll() {
  auto* request = new Request;
  request->perform = [](Request& self) {
    static_cast<Shard*>(self.context)->tracer_.KillAll();
    delete &self;
  };
  request->context = this;
  tracer_.Post(*request);
}

}  // namespace platform::ptrace
