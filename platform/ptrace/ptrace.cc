// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/ptrace.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "platform/host_facts.h"
#include "platform/ptrace/address_space.h"
#include "platform/ptrace/donate.h"
#include "platform/ptrace/machine.h"
#include "platform/ptrace/shard.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/ptrace/zygote.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

class StubContainer final : public Container {
 public:
  explicit StubContainer(Shard& shard) : shard_(shard) {}
  ~StubContainer() override { shard_.KillAll(); }

  base::Result<base::RefPtr<AddressSpace>> NewAddressSpace() override {
    return base::RefPtr<AddressSpace>(base::MakeRef<StubAddressSpace>(TRY(shard_.NewStub())));
  }
  base::Result<base::RefPtr<DonatedFile>> Donate(base::UniqueFd fd, bool writable) override {
    return Donated::Create(shard_, std::move(fd), writable);
  }

 private:
  Shard& shard_;
};

base::Result<void> AddShard(Machine& machine, const ZygoteOptions& options) {
  Zygote zygote = TRY(StartZygote(options));
  machine.shards.push_back(std::make_unique<Shard>(machine, zygote.pid, std::move(zygote.socket)));
  return {};
}

}  // namespace

Ptrace::Ptrace(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
Ptrace::~Ptrace() = default;

base::Result<std::unique_ptr<Ptrace>> Ptrace::Prepare(const Options& options) {
  auto machine = std::make_unique<Machine>();
  machine->facts = TRY(FindHostFacts());
  long proc = options.proc_fd >= 0 ? RawSyscall(SYS_fcntl, options.proc_fd, F_DUPFD_CLOEXEC, 0)
                                   : RawSyscall(SYS_openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (proc >= 0) machine->proc.Reset(static_cast<int>(proc));
  base::UniqueFd image = TRY(MakeStubImage());
  ZygoteOptions zygote;
  zygote.image = image.get();
  zygote.proc = machine->proc.get();
  zygote.oom_score_adj = options.oom_score_adj;
  zygote.require_namespaces = options.require_namespaces;
  zygote.vdso = PlanVdsoMove(machine->proc.get(), STUB_VDSO_BEGIN, STUB_VDSO_END);
  for (int i = 0; i < options.zygotes; i++) {
    auto added = AddShard(*machine, zygote);
    if (!added.ok() && added.error().code() == EXDEV && zygote.vdso.header != 0 && i == 0) {
      RUNSC_WARN("ptrace: the host's vDSO cannot be moved: clocks will be slow");
      zygote.vdso = VdsoMove();
      added = AddShard(*machine, zygote);
    }
    if (!added.ok()) return added.error();
  }
  if (zygote.vdso.header != 0) {
    machine->vdso = zygote.vdso.header;
    machine->vdso_begin = zygote.vdso.begin();
    machine->vdso_end = zygote.vdso.end();
  }
  return std::unique_ptr<Ptrace>(new Ptrace(std::move(machine)));
}

base::Result<void> Ptrace::Start(Executor& executor) {
  machine_->executor = &executor;
  for (const auto& shard : machine_->shards) TRY(shard->Start());
  return {};
}

base::GuestAddr Ptrace::host_vdso() const { return base::GuestAddr(machine_->vdso); }
base::GuestAddr Ptrace::min_address() const { return base::GuestAddr(STUB_GUEST_BEGIN); }
base::GuestAddr Ptrace::max_address() const { return base::GuestAddr(STUB_GUEST_END); }
size_t Ptrace::extended_state_size() const { return machine_->facts.extended_size; }
PlatformStats Ptrace::stats() const { return machine_->counters.Read(); }

base::Result<std::unique_ptr<Container>> Ptrace::NewContainer() {
  size_t index = machine_->shards_taken.fetch_add(1);
  if (index >= machine_->shards.size()) return base::Errno(EAGAIN);
  return std::unique_ptr<Container>(new StubContainer(*machine_->shards[index]));
}

}  // namespace platform::ptrace
