// SPDX-License-Identifier: Apache-2.0
// The command table and what each verb gets. One verb per file; table.cc lists them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runsc/config/flags.h"
#include "runsc/util/status.h"

namespace runsc {

struct EntryPoints;

// What runsc's own failures end with.
inline constexpr int kFailureExitCode = 128;

struct CommandLine {
  std::string verb;
  std::vector<std::string> arguments;  // Behind the verb.
  Settings settings;
  const EntryPoints* entry = nullptr;
};

struct Command {
  std::string_view name;
  std::string_view summary;  // Empty: not shown by --help.
  StatusOr<int> (*run)(CommandLine& line);
  // Makes namespaces: for a caller who is not root, it runs in a user namespace.
  bool makes_namespaces = false;
};

std::span<const Command> AllCommands();
// Null when there is none of that name.
const Command* FindCommand(std::string_view name);

// The whole of runsc: parses, runs, reports. Returns the exit code.
int RunscMain(int argc, char** argv, const EntryPoints& entry);

// The verbs, each in the file of its name.
StatusOr<int> RunCommand(CommandLine& line);
StatusOr<int> CreateCommand(CommandLine& line);
StatusOr<int> StartCommand(CommandLine& line);
StatusOr<int> StateCommand(CommandLine& line);
StatusOr<int> KillCommand(CommandLine& line);
StatusOr<int> DeleteCommand(CommandLine& line);
StatusOr<int> ExecCommand(CommandLine& line);
StatusOr<int> PauseCommand(CommandLine& line);
StatusOr<int> ResumeCommand(CommandLine& line);
StatusOr<int> EventsCommand(CommandLine& line);
StatusOr<int> UpdateCommand(CommandLine& line);
StatusOr<int> ListCommand(CommandLine& line);
StatusOr<int> PsCommand(CommandLine& line);
StatusOr<int> WaitCommand(CommandLine& line);
StatusOr<int> DoCommand(CommandLine& line);
StatusOr<int> SpecCommand(CommandLine& line);
StatusOr<int> FeaturesCommand(CommandLine& line);
StatusOr<int> SyscallsCommand(CommandLine& line);

}  // namespace runsc
