// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "base/version.h"
#include "runsc/cmd/command.h"
#include "runsc/sandbox/rootless.h"
#include "runsc/util/log.h"

namespace runsc {
namespace {

constexpr char kSpecVersion[] = "1.2.0";

// A caller may have closed standard descriptors; then files that we open must not take their numbers.
void FillStandardDescriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
}

void PrintVersion() { printf("runsc version %s\nspec: %s\n", base::Version(), kSpecVersion); }

void PrintHelp() {
  puts("Usage: runsc [global flags] <command> [flags] [arguments]\n\nCommands:");
  for (const Command& command : AllCommands()) {
    if (!command.summary.empty()) {
      printf("  %-10.*s %.*s\n", static_cast<int>(command.name.size()), command.name.data(),
             static_cast<int>(command.summary.size()), command.summary.data());
    }
  }
  puts("\nGlobal flags:");
  for (const FlagInfo& flag : AllFlags()) {
    std::string name = "--" + std::string(flag.name);
    if (!flag.values.empty() && flag.values != "bool") name += "=" + std::string(flag.values);
    printf("  %-36s %.*s\n", name.c_str(), static_cast<int>(flag.help.size()), flag.help.data());
  }
  puts("  --version\n  --help");
}

const FlagInfo* FindFlag(std::string_view name) {
  for (const FlagInfo& flag : AllFlags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// Takes the global flags off the front: --name=value, --name value, --switch, -switch. What is left begins with the
// verb. It is by hand, because a parser must not look one word beyond the verb, and the flags are gflags' own.
// `done` is set by --version and --help.
Status ParseGlobalFlags(std::vector<std::string>& words, bool* done) {
  size_t at = 0;
  for (; at < words.size() && words[at].starts_with('-'); ++at) {
    std::string word = words[at];
    std::string name = word.substr(word.starts_with("--") ? 2 : 1);
    if (name == "version" || name == "v" || name == "help" || name == "h") {
      name.starts_with('v') ? PrintVersion() : PrintHelp();
      *done = true;
      return absl::OkStatus();
    }
    size_t equals = name.find('=');
    const FlagInfo* flag = FindFlag(std::string_view(name).substr(0, equals));
    if (flag == nullptr) return InvalidInput("unknown flag " + word);
    std::string value = "true";
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (flag->values != "bool") {
      if (++at == words.size()) return InvalidInput("--" + name + ": a value is missing");
      value = words[at];
    }
    RETURN_IF_ERROR(SetFlag(name, value));
  }
  words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(at));
  return absl::OkStatus();
}

StatusOr<int> Run(std::vector<std::string> words, const EntryPoints& entry) {
  bool done = false;
  RETURN_IF_ERROR(ParseGlobalFlags(words, &done));
  if (done) return 0;
  if (!words.empty() && words[0] == "help") {
    PrintHelp();
    return 0;
  }
  if (words.empty()) {
    PrintHelp();
    return InvalidInput("no command given");
  }
  const Command* command = FindCommand(words[0]);
  if (command == nullptr) return InvalidInput("unknown command \"" + words[0] + "\"");
  CommandLine line;
  line.verb = words[0];
  line.arguments.assign(words.begin() + 1, words.end());
  line.settings = CurrentSettings();
  line.entry = &entry;
  if (command->makes_namespaces && geteuid() != 0) {
    // The default of --root depends on who we are, so it is fixed before that changes.
    RETURN_IF_ERROR(SetFlag("root", line.settings.root));
    RETURN_IF_ERROR(SetFlag("rootless", "true"));
    RETURN_IF_ERROR(EnterRootlessNamespace());
    line.settings = CurrentSettings();
  }
  return command->run(line);
}

}  // namespace

int RunscMain(int argc, char** argv, const EntryPoints& entry) {
  FillStandardDescriptors();
  StatusOr<int> code = Failed("");
  try {
    code = Run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), entry);
  } catch (const std::exception& error) {
    code = Failed(std::string("internal error: ") + error.what());
  }
  if (code.ok()) return *code;
  ReportError(CurrentSettings(), Message(code.status()));
  return kFailureExitCode;
}

}  // namespace runsc
