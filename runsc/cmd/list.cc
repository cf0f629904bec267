// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>

#include "runsc/cmd/options.h"
#include "runsc/state/state.h"
#include "runsc/util/log.h"

namespace runsc {
namespace {

void PrintTable(const std::vector<ContainerState>& states) {
  size_t id_width = 10;
  size_t bundle_width = 10;
  for (const ContainerState& state : states) {
    id_width = std::max(id_width, state.id.size());
    bundle_width = std::max(bundle_width, state.bundle.size());
  }
  auto print = [&](const std::string& id, const std::string& pid, std::string_view status, const std::string& bundle,
                   const std::string& created, const std::string& owner) {
    printf("%-*s  %-8s  %-8.*s  %-*s  %-30s  %s\n", static_cast<int>(id_width), id.c_str(), pid.c_str(),
           static_cast<int>(status.size()), status.data(), static_cast<int>(bundle_width), bundle.c_str(),
           created.c_str(), owner.c_str());
  };
  print("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
  for (const ContainerState& state : states) {
    int pid = state.status == ContainerStatus::kStopped ? 0 : state.sandbox.pid;
    print(state.id, std::to_string(pid), StatusName(state.status), state.bundle, FormatTime(state.created_ns),
          state.owner);
  }
}

void PrintJson(const std::vector<ContainerState>& states) {
  std::string text = "[";
  for (const ContainerState& state : states) {
    if (text.size() > 1) text += ',';
    text += PublicStateJson(state, false);
  }
  puts((text + "]").c_str());
}

}  // namespace

StatusOr<int> ListCommand(CommandLine& line) {
  std::string format = "table";
  bool quiet = false;
  Options options(line, "List the containers");
  options.app().add_option("--format,-f", format, "table or json")->check(CLI::IsMember({"table", "json"}));
  options.app().add_flag("--quiet,-q", quiet, "ids only");
  if (!TRY_STATUS(options.Parse())) return 0;
  std::vector<ContainerState> states;
  for (const std::string& id : TRY_STATUS(ListContainers(line.settings.root))) {
    StatusOr<ContainerState> state = ReadState(line.settings.root, id);
    // It may have been deleted since.
    if (absl::IsNotFound(state.status())) continue;
    if (!state.ok()) return state.status();
    states.push_back(std::move(*state));
  }
  if (quiet) {
    for (const ContainerState& state : states) puts(state.id.c_str());
  } else if (format == "json") {
    PrintJson(states);
  } else {
    PrintTable(states);
  }
  return 0;
}

}  // namespace runsc
