// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"
#include "runsc/container/run.h"
#include "runsc/spec/names.h"
#include "runsc/spec/write.h"

extern char** environ;

namespace runsc {
namespace {

constexpr char kName[] = "runsc do";

struct DoOptions {
  std::string root = "/";
  std::string cwd;
  std::vector<std::string> volumes;
  std::vector<std::string> command;
};

StatusOr<spec::Mount> ParseVolume(const std::string& text) {
  size_t first = text.find(':');
  if (first == std::string::npos)
    return InvalidInput("do: --volume: \"" + text + "\" is not of the form SOURCE:DESTINATION");
  size_t second = text.find(':', first + 1);
  spec::Mount mount;
  mount.source = text.substr(0, first);
  mount.destination = text.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  mount.type = "bind";
  mount.options = {"rbind"};
  if (second != std::string::npos) mount.options.push_back(text.substr(second + 1));
  return mount;
}

// A process with every capability, our environment and directory, on the given root.
StatusOr<spec::Spec> MakeSpec(const DoOptions& options) {
  spec::Spec spec = spec::DefaultSpec();
  spec.root->path = options.root;
  struct utsname host;
  if (uname(&host) == 0) spec.hostname = host.nodename;
  spec::Process& process = *spec.process;
  process.args = options.command;
  process.cwd = options.cwd;
  process.terminal = false;  // If there is a terminal, it is passed through.
  process.no_new_privileges = false;
  process.rlimits.clear();
  process.env.clear();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (equals != std::string_view::npos && equals != 0) process.env.emplace_back(text);
  }
  uint64_t all = (uint64_t{1} << spec::CapabilityNames().size()) - 1;
  process.capabilities = spec::Capabilities{all, all, 0, all, 0};
  spec.linux_config.masked_paths.clear();
  spec.linux_config.readonly_paths.clear();
  for (const std::string& volume : options.volumes) spec.mounts.push_back(TRY_STATUS(ParseVolume(volume)));
  return spec;
}

}  // namespace

StatusOr<int> DoCommand(CommandLine& line) {
  DoOptions options;
  Options parser(line,
                 "Run a command in a sandbox on the host's files; what it changes is kept in memory and lost:\n"
                 "runsc do [flags] [--] <command> [arguments...]",
                 true);
  parser.app().add_option("--root", options.root, "directory that becomes the root (default: /)");
  parser.app().add_option("--cwd", options.cwd, "working directory (default: the current one)");
  parser.app()
      .add_option("--volume,-v", options.volumes, "SOURCE:DESTINATION[:ro], may be given again")
      ->allow_extra_args(false);
  if (!TRY_STATUS(parser.Parse())) return 0;
  options.command = parser.rest();
  if (!options.command.empty() && options.command[0] == "--") options.command.erase(options.command.begin());
  if (options.command.empty()) return InvalidInput("do: no command given");
  if (options.command[0].starts_with('-')) return InvalidInput("do: unknown flag " + options.command[0]);
  if (options.cwd.empty()) {
    char* here = get_current_dir_name();
    options.cwd = here != nullptr && here[0] == '/' ? here : "/";
    free(here);
  }
  if (!line.settings.overlay_root) {
    RETURN_IF_ERROR(SetFlag("overlay", "root:memory"));
    line.settings = CurrentSettings();
  }
  CreateOptions create;
  create.id = "do-" + std::to_string(getpid());
  create.bundle = "/";
  create.attached = true;
  // Through text and back, so that what is run is what a configuration file could have said.
  std::string text = spec::SpecToJson(TRY_STATUS(MakeSpec(options)));
  create.spec = spec::LoadedSpec{TRY_STATUS(spec::ParseSpec(text, kName)), text, kName};
  return RunContainer(std::move(create), line.settings);
}

}  // namespace runsc
