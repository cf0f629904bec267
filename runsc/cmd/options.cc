// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/options.h"

#include <CLI/CLI.hpp>

#include "runsc/container/create.h"

namespace runsc {

Options::Options(const CommandLine& line, std::string_view summary, bool stop_at_id)
    : line_(line), app_(std::make_unique<CLI::App>(std::string(summary), "runsc " + line.verb)) {
  if (stop_at_id) app_->prefix_command();
}

Options::~Options() = default;

std::vector<std::string> Options::rest() const { return app_->remaining(); }

void Options::AddId(std::string* id) { app_->add_option("id", *id, "the container's id")->required()->type_name(""); }

void Options::AddCreateFlags(CreateOptions* options) {
  AddId(&options->id);
  app_->add_option("--bundle,-b", options->bundle, "directory of config.json (default: the current one)");
  app_->add_option("--pid-file", options->pid_file, "file to write the sandbox's process id to");
  app_->add_option("--console-socket", options->console_socket, "unix socket that gets the master of the new terminal");
  app_->add_option("--preserve-fds", options->preserve_fds, "how many descriptors from 3 on to pass to the container");
  // Of no use here, but engines pass them.
  app_->add_flag("--no-pivot,--no-new-keyring", ignored_, "ignored");
}

StatusOr<bool> Options::Parse() {
  std::vector<std::string> reversed(line_.arguments.rbegin(), line_.arguments.rend());
  try {
    app_->parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    fputs(app_->help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    return InvalidInput(line_.verb + ": " + error.what());
  }
  return true;
}

}  // namespace runsc
