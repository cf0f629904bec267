// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "runsc/boot/boot.pb.h"
#include "runsc/sandbox/entry.h"
#include "runsc/sandbox/mounts.h"
#include "runsc/sandbox/privileges.h"
#include "runsc/sandbox/setup_file.h"
#include "runsc/spec/parse.h"

namespace runsc {
namespace {

StatusOr<BootConfig> ReadConfig(const boot::wire::SandboxSetup& setup) {
  for (const auto& [name, value] : setup.flags()) RETURN_IF_ERROR(SetFlag(name, value));
  BootConfig config;
  config.id = setup.id();
  config.bundle = setup.bundle();
  config.spec_name = setup.spec_name();
  config.spec = TRY_STATUS(spec::ParseSpec(setup.spec(), setup.spec_name()));
  config.settings = CurrentSettings();
  config.gofer_mounts.resize(config.spec.mounts.size());
  for (const boot::wire::GoferMount& mount : setup.mounts()) {
    if (mount.mount() >= config.gofer_mounts.size()) return Failed("the setup names a mount that is not there");
    config.gofer_mounts[mount.mount()] = GoferMount{mount.tree(), mount.directory()};
  }
  config.terminal = setup.terminal();
  config.allow_own_uid = !setup.change_ids();
  return config;
}

Fds TakeFds(const boot::wire::SandboxSetup& setup) {
  Fds fds;
  fds.gofer.Reset(kGoferFd);
  fds.control.Reset(kControlFd);
  for (int i = 0; i < 3; ++i) fds.stdio[i].Reset(kStdioFd + i);
  for (int i = 0; i < setup.guest_fds_size(); ++i) {
    fds.passed.push_back({setup.guest_fds(i), base::UniqueFd(kPassedFd + i)});
  }
  return fds;
}

Status EnterSandbox(const boot::wire::SandboxSetup& setup, Handshake& runsc, base::UniqueFd* proc) {
  RETURN_IF_ERROR(HardenSelf("runsc-sentry", runsc));
  RETURN_IF_ERROR(ForbidNewPrivileges());
  ProtectFromOom();
  RETURN_IF_ERROR(SeparateMounts(false));
  *proc = TRY_STATUS(NewProcfs());
  RETURN_IF_ERROR(EnterEmptyRoot());
  int64_t uid = setup.change_ids() ? int64_t{setup.host_uid()} : -1;
  int64_t gid = setup.change_ids() ? int64_t{setup.host_gid()} : -1;
  RETURN_IF_ERROR(EnterUserNamespace(uid, gid, runsc));
  return runsc.Expect(Handshake::Step::kGo).status();
}

}  // namespace

int SentryCommand(const EntryPoints& entry) {
  Handshake runsc(base::UniqueFd(kHandshakeFd), "runsc");
  boot::wire::SandboxSetup setup;
  Status status = ReadSetup(kSetupFd, &setup);
  base::UniqueFd proc;
  if (status.ok()) status = EnterSandbox(setup, runsc, &proc);
  if (status.ok()) {
    base::SetLog(2, static_cast<base::LogLevel>(setup.log_level()));
    StatusOr<BootConfig> config = ReadConfig(setup);
    status = config.status();
    if (status.ok()) {
      Fds fds = TakeFds(setup);
      fds.proc = std::move(proc);
      fds.runsc = std::move(runsc);
      return entry.sentry(std::move(*config), std::move(fds));
    }
  }
  runsc.Fail(Message(status));
  return 1;
}

}  // namespace runsc
