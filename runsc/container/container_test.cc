// SPDX-License-Identifier: Apache-2.0
// The verbs, as engines use them.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/spec/parse.h"
#include "runsc/testing/runsc_process.h"
#include "runsc/util/files.h"
#include "runsc/util/packet.h"

namespace runsc {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

using VerbsTest = RunscTest;

TEST_F(VerbsTest, AContainerLivesFromCreateToDelete) {
  WriteConfig({"sleep"}, R"("annotations":{"a":"b"})");
  std::string pid_file = PathOf("pid");
  Outcome outcome = Runsc({"create", "--bundle", bundle(), "--pid-file", pid_file, "c1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  ContainerState state = *ReadState(root(), "c1");
  EXPECT_EQ(state.status, ContainerStatus::kCreated);
  EXPECT_EQ(*ReadFile(pid_file), std::to_string(state.sandbox.pid));

  outcome = Runsc({"state", "c1"});
  EXPECT_THAT(outcome.out, HasSubstr("\"status\": \"created\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"pid\": " + std::to_string(state.sandbox.pid)));
  EXPECT_THAT(outcome.out, HasSubstr("\"bundle\": \"" + bundle() + "\""));
  EXPECT_EQ(Runsc({"start", "c1"}).code, 0);
  EXPECT_THAT(Runsc({"start", "c1"}).err, HasSubstr("cannot start container \"c1\" in state running"));
  EXPECT_THAT(Runsc({"create", "--bundle", bundle(), "c1"}).err, HasSubstr("\"c1\" already exists"));
  EXPECT_THAT(Runsc({"list"}).out, HasSubstr("c1"));
  EXPECT_EQ(Runsc({"list", "-q"}).out, "c1\n");
  EXPECT_THAT(Runsc({"list", "--format", "json"}).out, MatchesRegex("\\[\\{.*\"status\":\"running\".*\\}\\]\n"));
  EXPECT_EQ(Runsc({"ps", "--format", "json", "c1"}).out, "[1]\n");
  outcome = Runsc({"delete", "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(outcome.err, HasSubstr("cannot delete container \"c1\" that is not stopped without --force"));

  pid_t waiter = StartRunsc({"wait", "c1"});
  EXPECT_EQ(Runsc({"kill", "c1", "KILL"}).code, 0);
  WaitForStatus("c1", ContainerStatus::kStopped);
  // It may have come too late to ask.
  Outcome waited = Finish(waiter);
  EXPECT_THAT(waited.out + waited.err,
              testing::AnyOf("{\"id\":\"c1\",\"exitStatus\":137}\n", HasSubstr("cannot wait"),
                             HasSubstr("the sandbox has ended"), HasSubstr("no such process")));
  EXPECT_THAT(Runsc({"kill", "c1"}).err, HasSubstr("container not running"));
  EXPECT_THAT(Runsc({"exec", "c1", "exit"}).err, HasSubstr("cannot exec in container \"c1\" in state stopped"));
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
  EXPECT_THAT(Runsc({"state", "c1"}).err, HasSubstr("container \"c1\" does not exist"));
  EXPECT_EQ(Runsc({"delete", "--force", "c1"}).code, 0);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 128);
}

TEST_F(VerbsTest, ACreatedContainerCanBeKilledAndDeleted) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"create", "-b", bundle(), "c1"}).code, 0);
  EXPECT_EQ(Runsc({"kill", "c1", "SIGKILL"}).code, 0);
  WaitForStatus("c1", ContainerStatus::kStopped);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
  ASSERT_EQ(Runsc({"create", "-b", bundle(), "c1"}).code, 0);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
}

TEST_F(VerbsTest, ExecRunsInTheContainerAndPassesItsExitCodeThrough) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  Outcome outcome = Runsc({"exec", "c1", "echo", "words"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "words\n");
  EXPECT_EQ(Runsc({"exec", "c1", "--", "exit", "9"}).code, 9);
  EXPECT_EQ(Runsc({"exec", "c1", "die", "9"}).code, 137);
  outcome = Runsc({"exec", "c1", "missing"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_EQ(outcome.err, "runsc: exec: \"missing\": no such file\n");
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
}

TEST_F(VerbsTest, WordsBehindTheIdAreTheCommandsOwn) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  Outcome outcome = Runsc({"exec", "c1", "echo", "--root"});
  EXPECT_EQ(outcome.out, "--root\n");
  EXPECT_EQ(Runsc({"exec", "c1", "echo", "--help"}).out, "--help\n");
  outcome = Runsc({"exec", "--nonsense", "c1", "echo", "x"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(outcome.err, HasSubstr("exec: unknown flag --nonsense"));
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
}

TEST_F(VerbsTest, ADetachedExecLeavesAProcessThatStandsForIt) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  std::string pid_file = PathOf("exec.pid");
  std::string inner_file = PathOf("inner.pid");
  ASSERT_EQ(Runsc({"exec", "-d", "--pid-file", pid_file, "--internal-pid-file", inner_file, "c1", "sleep"}).code, 0);
  pid_t waiter = atoi(ReadFile(pid_file)->c_str());
  ProcessId id{waiter, *StartTime(waiter)};
  EXPECT_EQ(*ReadFile(inner_file), "2");
  EXPECT_EQ(Runsc({"ps", "-f", "json", "c1"}).out, "[1,2]\n");
  // A signal to it is a signal to the process; here the process ends by it, and so does the one that stands for it.
  ASSERT_EQ(kill(waiter, SIGTERM), 0);
  WaitUntilGone(id);
  EXPECT_EQ(Runsc({"ps", "-f", "json", "c1"}).out, "[1]\n");
  // Killed, it takes the process with it.
  ASSERT_EQ(Runsc({"exec", "-d", "--pid-file", pid_file, "c1", "sleep"}).code, 0);
  ASSERT_EQ(kill(atoi(ReadFile(pid_file)->c_str()), SIGKILL), 0);
  while (Runsc({"ps", "-f", "json", "c1"}).out != "[1]\n") {
  }
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
}

TEST_F(VerbsTest, ErrorsGoToTheLogAsEnginesReadIt) {
  std::string log = PathOf("log.json");
  Outcome outcome = Runsc({"--log", log, "--log-format", "json", "state", "nope"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(*ReadFile(log),
              MatchesRegex("\\{\"level\":\"error\",\"msg\":\"container \\\\\"nope\\\\\" does not exist\","
                           "\"time\":\"[-0-9T:.]+Z\"\\}\n"));
  std::string text = PathOf("log.txt");
  Runsc({"--log=" + text, "state", "nope"});
  EXPECT_THAT(*ReadFile(text), MatchesRegex("time=\"[-0-9T:.]+Z\" level=error msg=\"container .*\"\n"));
}

struct BadLine {
  std::vector<std::string> words;
  const char* message;
};

TEST_F(VerbsTest, BadCommandLinesAreRefusedByName) {
  const BadLine kLines[] = {
      {{"--nonsense", "list"}, "unknown flag --nonsense"},
      {{"--platform", "magic", "list"}, "--platform: invalid value \"magic\" (one of systrap|ptrace)"},
      {{"--debug=perhaps", "list"}, "--debug: invalid value \"perhaps\""},
      {{"--log-format"}, "--log-format: a value is missing"},
      {{"fly"}, "unknown command \"fly\""},
      {{"state"}, "state: id is required"},
      {{"state", "c1", "c2"}, "state: "},
      {{"state", "--nonsense", "c1"}, "state: "},
      {{"state", "../c1"}, "invalid container id \"../c1\""},
      {{"run", "-b", "/no/such", "c1"}, "--bundle: /no/such: No such file or directory"},
      {{"run", "-b", "/proc", "c1"}, "/proc/config.json: No such file or directory"},
      {{"kill", "c1", "NOSUCH"}, "kill: unknown signal \"NOSUCH\""},
      {{"exec", "c1"}, ""},
      {{"exec"}, "exec: id is required"},
      {{"create", "--preserve-fds", "x", "c1"}, "create: "},
      {{"do"}, "do: no command given"},
  };
  for (const BadLine& line : kLines) {
    Outcome outcome = Runsc(line.words);
    EXPECT_EQ(outcome.code, 128) << line.message;
    EXPECT_THAT(outcome.err, HasSubstr(line.message));
    EXPECT_THAT(outcome.err, testing::StartsWith("runsc: "));
  }
}

TEST_F(VerbsTest, EnginesFlagsAreTaken) {
  Outcome outcome =
      Runsc({"--debug", "--log", "/dev/null", "--log-format", "json", "--systemd-cgroup", "--rootless=false",
             "--platform=systrap", "--network", "none", "--overlay=none", "--strace", "--strace-syscalls=read,write",
             "--file-access=shared", "--ignore-cgroups", "--host-uds=open", "list"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(Runsc({"--version"}).out, MatchesRegex("runsc version [0-9.]+\nspec: 1\\.[0-9.]+\n"));
  EXPECT_EQ(Runsc({"--help"}).code, 0);
  EXPECT_EQ(Runsc({"run", "--help"}).code, 0);
}

TEST_F(VerbsTest, SpecWritesWhatRunReads) {
  ASSERT_EQ(Runsc({"spec", "--bundle", bundle(), "--", "exit", "5"}).code, 0);
  StatusOr<spec::LoadedSpec> loaded = spec::LoadSpec(bundle());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Outcome again = Runsc({"spec", "--bundle", bundle()});
  EXPECT_EQ(again.code, 128);
  EXPECT_THAT(again.err, HasSubstr("config.json: File exists"));
  EXPECT_EQ(Runsc({"run", "--bundle", bundle(), "c1"}).code, 5);
}

TEST_F(VerbsTest, FeaturesAreJson) { EXPECT_THAT(Runsc({"features"}).out, HasSubstr("\"ociVersionMin\": \"1.0.0\"")); }

TEST_F(VerbsTest, HooksRunInOrderWithTheState) {
  std::string log = PathOf("hooks");
  auto hook = [&](const std::string& name) {
    return "\"" + name + R"(":[{"path":"/bin/sh","args":["sh","-c","echo )" + name + " $X $(pwd) $(cat) >> " + log +
           R"("],"env":["X=y"]}])";
  };
  WriteConfig({"exit", "0"}, "\"hooks\":{" + hook("prestart") + "," + hook("createRuntime") + "," +
                                 hook("createContainer") + "," + hook("poststart") + "," + hook("poststop") + "}");
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::string text = *ReadFile(log);
  std::string expected;
  for (const auto& [name, status] : {std::pair{"prestart", "creating"},
                                     {"createRuntime", "creating"},
                                     {"createContainer", "creating"},
                                     {"poststart", "running"},
                                     {"poststop", "stopped"}}) {
    expected += std::string(name) + " y " + bundle() + " \\{[^\n]*id:c1,pid:[0-9]+,status:" + status + "[^\n]*\\}\n";
  }
  text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
  EXPECT_THAT(text, MatchesRegex(expected));
}

TEST_F(VerbsTest, AFailingHookUndoesTheCreation) {
  WriteConfig({"exit", "0"},
              R"("hooks":{"createRuntime":[{"path":"/bin/sh","args":["sh","-c","echo oh no >&2; exit 3"]}]})");
  Outcome outcome = Runsc({"create", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_EQ(outcome.err,
            "runsc: " + bundle() + "/config.json: hooks.createRuntime[0]: /bin/sh: exited with 3: oh no\n");
  WriteConfig({"exit", "0"}, R"("hooks":{"prestart":[{"path":"/bin/sleep","args":["sleep","1000"],"timeout":1}]})");
  outcome = Runsc({"create", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(outcome.err, HasSubstr("hooks.prestart[0]: /bin/sleep: took longer than 1 s and was killed"));
  WriteConfig({"exit", "0"}, R"("hooks":{"createContainer":[{"path":"/no/such/hook"}]})");
  outcome = Runsc({"create", "-b", bundle(), "c1"});
  EXPECT_THAT(outcome.err, HasSubstr("hooks.createContainer[0]: /no/such/hook: cannot be run: No such file"));
}

TEST_F(VerbsTest, LateHooksThatFailOnlyWarn) {
  WriteConfig({"exit", "4"}, R"("hooks":{"poststart":[{"path":"/bin/false"}],"poststop":[{"path":"/bin/false"}]})");
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("hooks.poststart[0]: /bin/false: exited with 1"));
  EXPECT_THAT(outcome.err, HasSubstr("hooks.poststop[0]: /bin/false: exited with 1"));
}

TEST_F(VerbsTest, ATerminalGoesToTheConsoleSocket) {
  std::string path = PathOf("console.sock");
  base::UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path.c_str());
  void* bytes = &address;
  ASSERT_EQ(bind(listener.get(), static_cast<sockaddr*>(bytes), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  WriteConfig({"echo", "tty"}, "", R"("terminal":true,"consoleSize":{"height":11,"width":22})");
  Outcome outcome = Runsc({"create", "-b", bundle(), "--console-socket", path, "c1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  base::UniqueFd connection(accept(listener.get(), nullptr, nullptr));
  StatusOr<Packet> packet = ReceivePacket(connection.get());
  ASSERT_TRUE(packet.ok()) << packet.status();
  ASSERT_EQ(packet->fds.size(), 1U);
  EXPECT_EQ(packet->bytes, "/dev/ptmx");
  ASSERT_EQ(Runsc({"start", "c1"}).code, 0);
  char text[16] = {};
  EXPECT_EQ(read(packet->fds[0].get(), text, sizeof(text)), 5);
  EXPECT_STREQ(text, "tty\r\n");
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
  EXPECT_THAT(Runsc({"create", "-b", bundle(), "c1"}).err, HasSubstr("needs --console-socket"));
}

}  // namespace
}  // namespace runsc
