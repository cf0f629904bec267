// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>

#include "base/log.h"
#include "runsc/boot/boot.pb.h"
#include "runsc/boot/lockdown.h"
#include "runsc/sandbox/entry.h"
#include "runsc/sandbox/hooks.h"
#include "runsc/sandbox/mounts.h"
#include "runsc/sandbox/privileges.h"
#include "runsc/sandbox/setup_file.h"
#include "runsc/spec/parse.h"

namespace runsc {
namespace {

// To act on the container's files as any of its users: change owners, pass permission checks, keep set-id bits, and
// write security.capability attributes.
constexpr uint64_t kCapabilities = uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_DAC_OVERRIDE |
                                   uint64_t{1} << CAP_DAC_READ_SEARCH | uint64_t{1} << CAP_FOWNER |
                                   uint64_t{1} << CAP_FSETID | uint64_t{1} << CAP_SETFCAP;

StatusOr<gofer::Config> OpenTrees(const boot::wire::GoferSetup& setup, const Settings& settings) {
  gofer::Config config;
  config.host_fifos = settings.host_fifo;
  config.host_sockets = settings.host_uds;
  for (const boot::wire::Tree& tree : setup.trees()) {
    StatusOr<base::UniqueFd> root = CloneTree(tree.path(), tree.recursive(), tree.read_only());
    if (!root.ok()) return Annotate(root.status(), tree.origin());
    config.mounts.push_back({std::move(*root), tree.read_only(), tree.recursive()});
  }
  base::UniqueFd proc = TRY_STATUS(NewProcfs());
  config.proc_self_fd.Reset(openat(proc.get(), "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!config.proc_self_fd) return SystemError("/proc/self/fd");
  return config;
}

// In this process's mount namespace, so that what they mount below the root filesystem gets into the tree.
Status RunCreateContainerHooks(const boot::wire::GoferSetup& setup) {
  if (setup.hook_spec().empty()) return absl::OkStatus();
  spec::Spec spec = TRY_STATUS(spec::ParseSpec(setup.hook_spec(), setup.hook_spec_name()));
  Status status = RunHooks(spec.hooks.create_container, "hooks.createContainer", setup.bundle(), setup.hook_state());
  return Annotate(status, setup.hook_spec_name());
}

StatusOr<gofer::Config> EnterGofer(const boot::wire::GoferSetup& setup, Handshake& runsc) {
  RETURN_IF_ERROR(HardenSelf("runsc-gofer", runsc));
  ProtectFromOom();
  for (const auto& [name, value] : setup.flags()) RETURN_IF_ERROR(SetFlag(name, value));
  Settings settings = CurrentSettings();
  RETURN_IF_ERROR(SeparateMounts(true));
  RETURN_IF_ERROR(RunCreateContainerHooks(setup));
  RETURN_IF_ERROR(ForbidNewPrivileges());
  if (setup.drop_kernel_mounts()) RETURN_IF_ERROR(DropKernelMounts());
  gofer::Config config = TRY_STATUS(OpenTrees(setup, settings));
  RETURN_IF_ERROR(EnterEmptyRoot());
  // The sandbox's network namespace, rather than one more: there is no socket call in the gofer's filter anyway.
  Handshake::Message go = TRY_STATUS(runsc.Expect(Handshake::Step::kGo));
  for (const base::UniqueFd& network : go.fds) {
    if (setns(network.get(), CLONE_NEWNET) != 0) return SystemError("entering the network namespace");
  }
  if (setup.user_namespace()) RETURN_IF_ERROR(EnterUserNamespace(-1, -1, runsc));
  RETURN_IF_ERROR(KeepCapabilities(kCapabilities));
  RETURN_IF_ERROR(InstallGoferFilter(settings));
  return config;
}

}  // namespace

int GoferCommand(const EntryPoints& entry) {
  Handshake runsc(base::UniqueFd(kHandshakeFd), "runsc");
  boot::wire::GoferSetup setup;
  Status status = ReadSetup(kSetupFd, &setup);
  if (status.ok()) {
    StatusOr<gofer::Config> config = EnterGofer(setup, runsc);
    status = config.status();
    if (status.ok()) status = runsc.Ready().status();
    if (status.ok()) return entry.gofer(base::UniqueFd(kGoferFd), std::move(*config));
  }
  runsc.Fail(Message(status));
  return 1;
}

}  // namespace runsc
