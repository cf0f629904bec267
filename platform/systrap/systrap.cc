// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/systrap.h"

#include <asm/hwcap2.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "platform/host_facts.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/address_space.h"
#include "platform/systrap/donate.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/zygote.h"

namespace platform::systrap {

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
  auto slots = TRY(SlotFile::Create());
  auto commands = TRY(CommandFile::Create());
  auto shard = std::make_unique<Shard>(machine, std::move(slots), std::move(commands));
  TRY(StartZygote(*shard, options));
  machine.receivers.push_back(&shard->listener());
  machine.shards.push_back(std::move(shard));
  return {};
}

}  // namespace

Systrap::Systrap(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
Systrap::~Systrap() = default;

base::Result<std::unique_ptr<Systrap>> Systrap::Prepare(const Options& options) {
  if ((getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) == 0) return base::Errno(ENOTSUP);
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
      RUNSC_WARN("systrap: the host's vDSO cannot be moved: clocks will be slow");
      zygote.vdso = VdsoMove();
      added = AddShard(*machine, zygote);
    }
    if (!added.ok()) return added.error();
  }
  machine->vdso = zygote.vdso.header;
  return std::unique_ptr<Systrap>(new Systrap(std::move(machine)));
}

base::Result<void> Systrap::Start(Executor& executor) {
  machine_->executor = &executor;
  for (const auto& shard : machine_->shards) TRY(shard->StartReaper());
  return {};
}

std::span<Receiver* const> Systrap::receivers() const { return machine_->receivers; }

base::GuestAddr Systrap::host_vdso() const { return base::GuestAddr(machine_->vdso); }
base::GuestAddr Systrap::min_address() const { return base::GuestAddr(STUB_GUEST_BEGIN); }
base::GuestAddr Systrap::max_address() const { return base::GuestAddr(STUB_GUEST_END); }
size_t Systrap::extended_state_size() const { return machine_->facts.extended_size; }

PlatformStats Systrap::stats() const { return machine_->counters.Read(); }

base::Result<std::unique_ptr<Container>> Systrap::NewContainer() {
  size_t index = machine_->shards_taken.fetch_add(1);
  if (index >= machine_->shards.size()) return base::Errno(EAGAIN);
  return std::unique_ptr<Container>(new StubContainer(*machine_->shards[index]));
}

}  // namespace platform::systrap
