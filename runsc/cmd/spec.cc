// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/write.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"
#include "runsc/util/files.h"

namespace runsc {

StatusOr<int> SpecCommand(CommandLine& line) {
  std::string bundle = ".";
  std::string cwd = "/";
  std::string network;
  Options options(line, "Write a config.json to start from: runsc spec [flags] [--] [command...]", true);
  options.app().add_option("--bundle,-b", bundle, "directory to write it to (default: the current one)");
  options.app().add_option("--cwd", cwd, "working directory of the process");
  options.app().add_option("--netns", network, "network namespace to use (default: a new one)");
  if (!TRY_STATUS(options.Parse())) return 0;
  spec::Spec spec = spec::DefaultSpec();
  spec.root->readonly = true;
  spec.process->cwd = cwd;
  std::vector<std::string> command = options.rest();
  if (!command.empty() && command[0] == "--") command.erase(command.begin());
  if (!command.empty()) spec.process->args = command;
  for (spec::Namespace& entry : spec.linux_config.namespaces) {
    if (entry.type == spec::NamespaceType::kNetwork) entry.path = network;
  }
  std::string path = bundle + "/config.json";
  base::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) return SystemError("spec: " + path);
  RETURN_IF_ERROR(WriteAll(fd.get(), spec::SpecToJson(spec), path));
  return 0;
}

}  // namespace runsc
