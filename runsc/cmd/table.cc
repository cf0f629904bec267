// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/command.h"
#include "runsc/sandbox/entry.h"

namespace runsc {
namespace {

StatusOr<int> HiddenGofer(CommandLine& line) { return GoferCommand(*line.entry); }
StatusOr<int> HiddenSentry(CommandLine& line) { return SentryCommand(*line.entry); }

constexpr Command kCommands[] = {
    {"run", "create and start a container, and wait for it", RunCommand, true},
    {"create", "create a container", CreateCommand, true},
    {"start", "start a created container", StartCommand},
    {"state", "print the state of a container", StateCommand},
    {"kill", "send a signal to a container", KillCommand},
    {"delete", "remove what is left of a container", DeleteCommand},
    {"exec", "run a process in a running container", ExecCommand},
    {"pause", "stop all processes of a container", PauseCommand},
    {"resume", "let the processes of a paused container go on", ResumeCommand},
    {"update", "change the limits of a container", UpdateCommand},
    {"events", "print what a container uses", EventsCommand},
    {"list", "list the containers", ListCommand},
    {"ps", "list the processes of a container", PsCommand},
    {"wait", "wait until a container's process ends", WaitCommand},
    {"do", "run a command in a sandbox on the host's files", DoCommand, true},
    {"spec", "write a config.json to start from", SpecCommand},
    {"features", "print what this runtime can do", FeaturesCommand},
    {"syscalls", "list the system calls and how much of each is there", SyscallsCommand},
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
