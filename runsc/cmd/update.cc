// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"
#include "runsc/sandbox/cgroup.h"
#include "runsc/spec/parse.h"
#include "runsc/state/state.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

struct Flags {
  std::string file;
  std::optional<int64_t> memory, swap, reservation, quota, pids;
  std::optional<uint64_t> period, shares;
  std::string cpus, mems;
};

StatusOr<spec::Resources> ReadResources(const Flags& flags) {
  spec::Resources resources;
  if (!flags.file.empty()) {
    std::string text = flags.file == "-" ? TRY_STATUS(ReadAll(STDIN_FILENO, spec::kMaxConfigBytes, "standard input"))
                                         : TRY_STATUS(spec::ReadConfigFile(flags.file));
    resources = TRY_STATUS(spec::ParseResources(text, flags.file == "-" ? "standard input" : flags.file));
  }
  if (flags.memory) resources.memory.limit = flags.memory;
  if (flags.swap) resources.memory.swap = flags.swap;
  if (flags.reservation) resources.memory.reservation = flags.reservation;
  if (flags.quota) resources.cpu.quota = flags.quota;
  if (flags.period) resources.cpu.period = flags.period;
  if (flags.shares) resources.cpu.shares = flags.shares;
  if (flags.pids) resources.pids_limit = flags.pids;
  if (!flags.cpus.empty()) resources.cpu.cpus = flags.cpus;
  if (!flags.mems.empty()) resources.cpu.mems = flags.mems;
  return resources;
}

}  // namespace

StatusOr<int> UpdateCommand(CommandLine& line) {
  std::string id;
  Flags flags;
  Options options(line, "Change the limits of a container");
  options.AddId(&id);
  CLI::App& app = options.app();
  app.add_option("--resources,-r", flags.file, "file with linux.resources as JSON; - is the standard input");
  app.add_option("--memory", flags.memory, "bytes");
  app.add_option("--memory-swap", flags.swap, "bytes of memory and swap together; -1: no limit");
  app.add_option("--memory-reservation", flags.reservation, "bytes");
  app.add_option("--cpu-quota", flags.quota, "microseconds in each period");
  app.add_option("--cpu-period", flags.period, "microseconds");
  app.add_option("--cpu-share", flags.shares, "weight against other containers");
  app.add_option("--cpuset-cpus", flags.cpus, "CPUs, as 0-2,5");
  app.add_option("--cpuset-mems", flags.mems, "memory nodes, as 0-2,5");
  app.add_option("--pids-limit", flags.pids, "how many processes and threads");
  if (!TRY_STATUS(options.Parse())) return 0;
  LockedContainer container = TRY_STATUS(LockedContainer::Load(line.settings.root, id));
  const ContainerState& state = container.state();
  if (state.status == ContainerStatus::kStopped || state.status == ContainerStatus::kCreating) {
    return WrongState("cannot update container \"" + id + "\" in state " + std::string(StatusName(state.status)));
  }
  spec::Resources resources = TRY_STATUS(ReadResources(flags));
  RETURN_IF_ERROR(Cgroup::Update(state.cgroups, resources));
  return 0;
}

}  // namespace runsc
