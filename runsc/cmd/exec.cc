// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/exec.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "runsc/cmd/options.h"
#include "runsc/spec/names.h"
#include "runsc/spec/parse.h"
#include "runsc/state/state.h"

namespace runsc {
namespace {

struct Overrides {
  std::string process_file;
  std::string cwd;
  std::string user;
  std::vector<std::string> environment;
  std::vector<std::string> capabilities;
  std::vector<uint32_t> groups;
  bool terminal = false;
  bool no_new_privileges = false;
};

StatusOr<uint32_t> ParseId(std::string_view text, const std::string& whole) {
  uint32_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidInput("exec: --user: \"" + whole + "\" is not of the form UID or UID:GID");
  }
  return id;
}

Status SetUser(const std::string& text, spec::User* user) {
  std::string_view rest = text;
  size_t colon = rest.find(':');
  user->uid = TRY_STATUS(ParseId(rest.substr(0, colon), text));
  if (colon != std::string_view::npos) user->gid = TRY_STATUS(ParseId(rest.substr(colon + 1), text));
  return absl::OkStatus();
}

Status AddCapabilities(const std::vector<std::string>& names, spec::Process* process) {
  for (const std::string& name : names) {
    std::optional<int> number = spec::CapabilityNumber(name);
    if (!number) return InvalidInput("exec: --cap: unknown capability \"" + name + "\"");
    uint64_t bit = uint64_t{1} << *number;
    if (!process->capabilities) process->capabilities.emplace();
    process->capabilities->bounding |= bit;
    process->capabilities->effective |= bit;
    process->capabilities->permitted |= bit;
  }
  return absl::OkStatus();
}

// The process of --process, or the container's own with what the flags change.
StatusOr<spec::Process> MakeProcess(const std::string& id, const std::vector<std::string>& command,
                                    const Overrides& overrides, const Settings& settings) {
  if (!overrides.process_file.empty()) {
    if (!command.empty()) return InvalidInput("exec: a command and --process exclude each other");
    std::string text = TRY_STATUS(spec::ReadConfigFile(overrides.process_file));
    return spec::ParseProcess(text, overrides.process_file);
  }
  if (command.empty()) return InvalidInput("exec: no command given");
  spec::LoadedSpec loaded = TRY_STATUS(ReadSavedConfig(settings.root, id));
  spec::Process process = std::move(*loaded.spec.process);
  process.args = command;
  process.terminal = overrides.terminal;
  process.console_size.reset();
  if (!overrides.cwd.empty()) process.cwd = overrides.cwd;
  process.env.insert(process.env.end(), overrides.environment.begin(), overrides.environment.end());
  if (!overrides.user.empty()) RETURN_IF_ERROR(SetUser(overrides.user, &process.user));
  process.user.additional_gids.insert(process.user.additional_gids.end(), overrides.groups.begin(),
                                      overrides.groups.end());
  RETURN_IF_ERROR(AddCapabilities(overrides.capabilities, &process));
  process.no_new_privileges = process.no_new_privileges || overrides.no_new_privileges;
  return process;
}

}  // namespace

StatusOr<int> ExecCommand(CommandLine& line) {
  ExecOptions exec;
  Overrides overrides;
  std::string ignored_text;
  bool ignored = false;
  // What follows the id belongs to the container's command, whatever it looks like.
  Options options(line, "Run a process in a running container: runsc exec [flags] <id> [--] <command> [arguments...]",
                  true);
  CLI::App& app = options.app();
  app.add_option("--process,-p", overrides.process_file, "file with the process as OCI JSON");
  app.add_option("--cwd", overrides.cwd, "working directory");
  app.add_option("--env,-e", overrides.environment, "NAME=VALUE, may be given again")->allow_extra_args(false);
  app.add_option("--user,-u", overrides.user, "UID or UID:GID");
  app.add_option("--additional-gids,-g", overrides.groups, "one more group, may be given again")
      ->allow_extra_args(false);
  app.add_option("--cap,-c", overrides.capabilities, "one more capability, may be given again")
      ->allow_extra_args(false);
  app.add_flag("--tty,-t", overrides.terminal, "the process has a terminal");
  app.add_flag("--no-new-privs", overrides.no_new_privileges, "no set-user-id programs");
  app.add_flag("--detach,-d", exec.detach, "do not wait");
  app.add_option("--pid-file", exec.pid_file, "file to write the process id to");
  app.add_option("--internal-pid-file", exec.internal_pid_file, "file to write the process id in the container to");
  app.add_option("--console-socket", exec.console_socket, "unix socket that gets the master of the new terminal");
  app.add_option("--apparmor,--process-label,--cgroup,--preserve-fds", ignored_text, "ignored");
  app.add_flag("--ignore-paused", ignored, "ignored");
  if (!TRY_STATUS(options.Parse())) return 0;
  std::vector<std::string> rest = options.rest();
  if (rest.empty()) return InvalidInput("exec: id is required");
  if (rest[0].starts_with('-') && rest[0].size() > 1) return InvalidInput("exec: unknown flag " + rest[0]);
  exec.id = rest[0];
  rest.erase(rest.begin());
  if (!rest.empty() && rest[0] == "--") rest.erase(rest.begin());
  RETURN_IF_ERROR(ReadState(line.settings.root, exec.id).status());
  exec.process = TRY_STATUS(MakeProcess(exec.id, rest, overrides, line.settings));
  return ExecInContainer(exec, line.settings);
}

}  // namespace runsc
