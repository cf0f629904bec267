// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/command.h"
#include "runsc/sandbox/entry.h"

namespace runsc {
namespace {

StatusOr<int> HiddenGofer(CommandLine& line) { return GoferCommand(*line.entry); }
StatusOr<int> HiddenSentry(CommandLine& line) { return SentryCommand(*line.entry); }

constexpr Command kCommands[] = {
    {"run", "create and start a container, and wait for it", RunCommand},
    {"gofer", "", HiddenGofer},
    {"sentry", "", HiddenSentry},
};

}  // namespace

std::span<const Command> AllCommands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace runsc
