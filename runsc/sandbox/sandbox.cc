// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "runsc/boot/boot.pb.h"
#include "runsc/sandbox/entry.h"
#include "runsc/sandbox/id_maps.h"
#include "runsc/sandbox/mount_points.h"
#include "runsc/sandbox/setup_file.h"
#include "runsc/state/state.h"
#include "runsc/util/files.h"
#include "runsc/util/log.h"

namespace runsc {
namespace {

// A child that has died already gets a start time that no process has; its last words are read later.
ProcessId Identify(pid_t pid) {
  StatusOr<uint64_t> start = StartTime(pid);
  return ProcessId{pid, start.ok() ? *start : 0};
}

// The log of a child: its --debug-log, our standard error, or nothing.
StatusOr<base::UniqueFd> ChildLog(const SandboxOptions& options, const std::string& command) {
  base::UniqueFd log = TRY_STATUS(OpenDebugLog(options.settings, options.id, command));
  if (log) return log;
  return options.log_to_stderr ? Duplicate(STDERR_FILENO) : OpenNull();
}

base::LogLevel ChildLogLevel(const SandboxOptions& options) {
  if (options.settings.debug_log.empty()) return base::LogLevel::kError;
  return options.settings.debug ? base::LogLevel::kDebug : base::LogLevel::kInfo;
}

// What the sandbox does about the network namespace: a new one, or the one of the specification.
StatusOr<base::UniqueFd> NetworkToJoin(const SandboxOptions& options) {
  const spec::Namespace* network = options.spec->spec.linux_config.FindNamespace(spec::NamespaceType::kNetwork);
  if (options.settings.network == "none" || network == nullptr || network->path.empty()) return base::UniqueFd();
  base::UniqueFd fd(open(network->path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string where = options.spec->path + ": linux.namespaces: network: " + network->path;
  if (!fd) return SystemError(where);
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) return InvalidInput(where + ": is not a network namespace");
  return fd;
}

bool IsHostRoot(const std::string& path) {
  struct stat root, other;
  return stat("/", &root) == 0 && stat(path.c_str(), &other) == 0 && root.st_dev == other.st_dev &&
         root.st_ino == other.st_ino;
}

boot::wire::SandboxSetup DescribeSandbox(const SandboxOptions& options, const std::vector<HostTree>& trees) {
  boot::wire::SandboxSetup setup;
  setup.set_id(options.id);
  for (const auto& [name, value] : ChangedFlags()) (*setup.mutable_flags())[name] = value;
  setup.set_bundle(options.bundle);
  setup.set_spec(options.spec->text);
  setup.set_spec_name(options.spec->path);
  for (size_t i = 0; i < trees.size(); ++i) {
    if (trees[i].mount < 0) continue;
    boot::wire::GoferMount* mount = setup.add_mounts();
    mount->set_mount(static_cast<uint32_t>(trees[i].mount));
    mount->set_tree(static_cast<uint32_t>(i));
    mount->set_directory(trees[i].directory);
  }
  setup.set_terminal(options.terminal);
  for (const auto& [number, fd] : options.passed_fds) setup.add_guest_fds(number);
  setup.set_log_level(static_cast<int>(ChildLogLevel(options)));
  return setup;
}

}  // namespace

StatusOr<Sandbox> Sandbox::Start(SandboxOptions options) {
  Sandbox sandbox;
  sandbox.trees_ = TRY_STATUS(FindHostTrees(options.spec->spec, options.spec->path, options.bundle, options.settings));
  if (options.spec->spec.root->readonly && !options.settings.overlay_root) {
    MakeMountPoints(options.spec->spec, sandbox.trees_);
  }
  base::UniqueFd executable = TRY_STATUS(OpenOwnExecutable());
  auto [gofer_end, sentry_end] = TRY_STATUS(Handshake::NewPair());
  // The gofer's setup overlaps the making of the sandbox's namespaces, of which the network's takes longest.
  if (!options.gofer_after_hooks) {
    RETURN_IF_ERROR(sandbox.SpawnGofer(options, executable.get(), std::move(gofer_end)));
  }
  RETURN_IF_ERROR(sandbox.SpawnSentry(options, executable.get(), std::move(sentry_end)));
  if (options.sandbox_spawned) RETURN_IF_ERROR(options.sandbox_spawned(sandbox.sentry_.pid));
  if (options.gofer_after_hooks) {
    RETURN_IF_ERROR(sandbox.SpawnGofer(options, executable.get(), std::move(gofer_end)));
  }
  RETURN_IF_ERROR(sandbox.RunHandshakes(options));
  return sandbox;
}

Status Sandbox::SpawnGofer(const SandboxOptions& options, int executable, base::UniqueFd socket) {
  boot::wire::GoferSetup setup;
  setup.set_id(options.id);
  for (const auto& [name, value] : ChangedFlags()) (*setup.mutable_flags())[name] = value;
  for (const HostTree& tree : trees_) {
    boot::wire::Tree* wire = setup.add_trees();
    wire->set_path(tree.path);
    wire->set_read_only(tree.read_only);
    wire->set_recursive(tree.recursive);
    wire->set_origin(tree.origin);
  }
  setup.set_drop_kernel_mounts(IsHostRoot(trees_[0].path));
  setup.set_user_namespace(!options.spec->spec.linux_config.uid_mappings.empty());
  if (options.run_create_container_hooks) {
    ContainerState state;
    state.id = options.id;
    state.bundle = options.bundle;
    state.oci_version = options.spec->spec.oci_version;
    state.annotations = options.spec->spec.annotations;
    state.sandbox = sentry_id_;
    setup.set_hook_spec(options.spec->text);
    setup.set_hook_spec_name(options.spec->path);
    setup.set_hook_state(PublicStateJson(state, false));
    setup.set_bundle(options.bundle);
  }

  base::UniqueFd file = TRY_STATUS(WriteSetup(setup));
  base::UniqueFd log = TRY_STATUS(ChildLog(options, "gofer"));
  base::UniqueFd null = TRY_STATUS(OpenNull());
  auto [ours, theirs] = TRY_STATUS(Handshake::NewPair());
  SpawnOptions spawn;
  spawn.executable = executable;
  spawn.arguments = {"runsc-gofer", "gofer", options.id};
  spawn.new_namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  spawn.fds = {null.get(), null.get(), log.get(), theirs.get(), file.get(), socket.get()};
  gofer_ = TRY_STATUS(Spawn(spawn));
  gofer_handshake_ = Handshake(std::move(ours), "the gofer");
  gofer_id_ = Identify(gofer_.pid);
  if (options.gofer_spawned) RETURN_IF_ERROR(options.gofer_spawned(gofer_.pid));
  return absl::OkStatus();
}

Status Sandbox::SpawnSentry(const SandboxOptions& options, int executable, base::UniqueFd gofer_socket) {
  boot::wire::SandboxSetup setup = DescribeSandbox(options, trees_);
  SandboxIds ids = TRY_STATUS(ChooseSandboxIds(options.spec->spec.linux_config));
  setup.set_change_ids(ids.change);
  setup.set_host_uid(ids.uid);
  setup.set_host_gid(ids.gid);

  base::UniqueFd file = TRY_STATUS(WriteSetup(setup));
  base::UniqueFd log = TRY_STATUS(ChildLog(options, "sentry"));
  base::UniqueFd null = TRY_STATUS(OpenNull());
  base::UniqueFd network = TRY_STATUS(NetworkToJoin(options));
  auto [ours, theirs] = TRY_STATUS(Handshake::NewPair());
  SpawnOptions spawn;
  spawn.executable = executable;
  spawn.arguments = {"runsc-sandbox", "sentry", options.id};
  spawn.new_namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (network) {
    spawn.join_namespaces = {network.get()};
  } else if (options.settings.network != "host") {
    spawn.new_namespaces |= CLONE_NEWNET;
  }
  spawn.fds = {null.get(),
               null.get(),
               log.get(),
               theirs.get(),
               file.get(),
               gofer_socket.get(),
               options.control.get(),
               options.stdio[0],
               options.stdio[1],
               options.stdio[2]};
  for (const auto& [number, fd] : options.passed_fds) spawn.fds.push_back(fd);
  sentry_ = TRY_STATUS(Spawn(spawn));
  sentry_handshake_ = Handshake(std::move(ours), "the sandbox");
  sentry_id_ = Identify(sentry_.pid);
  return absl::OkStatus();
}

Status Sandbox::RunHandshakes(const SandboxOptions& options) {
  base::UniqueFd network;
  std::vector<int> gofer_fds;
  if (options.settings.network != "host") {
    std::string path = "/proc/" + std::to_string(sentry_.pid) + "/ns/net";
    network.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // Without a process behind the path, what it has left in the socket tells why.
    if (!network && errno == ENOENT) RETURN_IF_ERROR(sentry_handshake_.Receive().status());
    if (!network) return SystemError(path);
    gofer_fds.push_back(network.get());
  }
  // A child that already failed has left its reason in the socket: Receive tells it, so errors of Send do not matter.
  gofer_handshake_.Send(Handshake::Step::kGo, {}, gofer_fds).IgnoreError();
  while (!sentry_ready_ || !gofer_ready_) {
    struct pollfd poll_fds[2] = {{sentry_ready_ ? -1 : sentry_handshake_.fd(), POLLIN, 0},
                                 {gofer_ready_ ? -1 : gofer_handshake_.fd(), POLLIN, 0}};
    int ready = poll(poll_fds, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return SystemError("poll");
    // The gofer first: when it fails, its message is the cause of what the sandbox then says.
    if (poll_fds[1].revents != 0) RETURN_IF_ERROR(HandleMessage(false, options));
    if (poll_fds[0].revents != 0) RETURN_IF_ERROR(HandleMessage(true, options));
  }
  return absl::OkStatus();
}

Status Sandbox::HandleMessage(bool from_sentry, const SandboxOptions& options) {
  Handshake& handshake = from_sentry ? sentry_handshake_ : gofer_handshake_;
  Handshake::Message message = TRY_STATUS(handshake.Receive());
  switch (message.step) {
    case Handshake::Step::kMapIds: {
      const spec::Linux& config = options.spec->spec.linux_config;
      if (from_sentry) {
        SandboxIds ids = TRY_STATUS(ChooseSandboxIds(config));
        RETURN_IF_ERROR(WriteIdMaps(sentry_.pid, {{0, ids.uid, 1}}, {{0, ids.gid, 1}}));
      } else {
        RETURN_IF_ERROR(WriteIdMaps(gofer_.pid, config.uid_mappings, config.gid_mappings));
      }
      RETURN_IF_ERROR(handshake.Send(Handshake::Step::kIdsMapped));
      if (from_sentry) RETURN_IF_ERROR(handshake.Send(Handshake::Step::kGo));
      return absl::OkStatus();
    }
    case Handshake::Step::kReady:
      (from_sentry ? sentry_ready_ : gofer_ready_) = true;
      // The gofer goes on at once: the sandbox needs its files before it is ready. It ends with the sandbox's socket.
      if (!from_sentry) return handshake.Send(Handshake::Step::kDetached);
      return absl::OkStatus();
    default:
      return Failed("a message out of turn from a starting process");
  }
}

Status Sandbox::Release(bool attached) {
  Handshake::Step step = attached ? Handshake::Step::kAttached : Handshake::Step::kDetached;
  RETURN_IF_ERROR(sentry_handshake_.Send(step));
  sentry_handshake_.WaitForClose();
  gofer_handshake_.WaitForClose();
  released_ = true;
  return absl::OkStatus();
}

int Sandbox::Wait() {
  int status = WaitForChild(sentry_.pid);
  // The gofer ends by itself: its socket's other end is gone.
  WaitForChild(gofer_.pid);
  sentry_.pid = gofer_.pid = 0;
  return status;
}

Sandbox::~Sandbox() {
  if (!released_) KillAndReap();
}

void Sandbox::KillAndReap() {
  for (Spawned* child : {&sentry_, &gofer_}) {
    if (!child->pidfd) continue;
    SendSignal(child->pidfd.get(), SIGKILL).IgnoreError();
    WaitForChild(child->pid);
    child->pidfd.Reset();
  }
}

}  // namespace runsc
