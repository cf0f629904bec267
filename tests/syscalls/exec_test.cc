// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

// This program is its own exec target: with argv[0] "probe" it prints what exec gave it and leaves before gtest starts.
std::string SelfPath() {
  const std::string name = program_invocation_name;
  if (name[0] == '/') return name;
  char directory[PATH_MAX];
  return std::string(getcwd(directory, sizeof(directory))) + "/" + name;
}

__attribute__((constructor)) void Probe(int argc, char** argv, char** environment) {
  if (argc < 2 || std::string(argv[0]) != "probe") return;
  const std::string what = argv[1];
  if (what.rfind("argv", 0) == 0) {
    for (int i = 0; i < argc; ++i) dprintf(1, "%s|", argv[i]);
  } else if (what == "env") {
    for (char** entry = environment; *entry; ++entry) dprintf(1, "%s|", *entry);
  } else if (what == "fds") {
    for (int fd = 3; fd < 64; ++fd) {
      if (fcntl(fd, F_GETFD) != -1) dprintf(1, "%d|", fd);
    }
  } else if (what == "signals") {
    struct sigaction user = {};
    struct sigaction hangup = {};
    sigset_t blocked;
    sigset_t pending;
    sigaction(SIGUSR1, nullptr, &user);
    sigaction(SIGHUP, nullptr, &hangup);
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    sigpending(&pending);
    dprintf(1, "%s %s %d %d", user.sa_handler == SIG_DFL ? "default" : "?",
            hangup.sa_handler == SIG_IGN ? "ignored" : "?", sigismember(&blocked, SIGUSR2),
            sigismember(&pending, SIGUSR2));
  } else if (what == "ids") {
    dprintf(1, "%d %d", getpid(), gettid());
  } else if (what == "stack") {
    stack_t stack = {};
    sigaltstack(nullptr, &stack);
    dprintf(1, "%d", stack.ss_flags);
  }
  _exit(0);
}

// Runs `body` (which execs) in a child with its stdout caught; returns what was printed. The child must exit with 0.
template <typename Body>
std::string OutputOf(Body body) {
  Pipe pipe = MakePipe();
  Child child([&] {
    CHILD_CHECK(dup2(pipe.writer.get(), 1) == 1);
    CHILD_CHECK(close(pipe.writer.get()) == 0 && close(pipe.reader.get()) == 0);
    body();
    FailInChild(__FILE__, __LINE__, "exec returned");
    return 0;
  });
  pipe.writer.reset();
  std::string output;
  char buffer[4096];
  for (ssize_t count; (count = read(pipe.reader.get(), buffer, sizeof(buffer))) > 0;) output.append(buffer, count);
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  return output;
}

long Exec(const std::string& path, std::vector<const char*> argv, std::vector<const char*> environment = {}) {
  argv.push_back(nullptr);
  environment.push_back(nullptr);
  return RawSyscall(SYS_execve, path.c_str(), argv.data(), environment.data());
}

TEST(ExecTest, PassesArguments) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] { Exec(self, {"probe", "argv", "", "two words", "x"}); }), "probe|argv||two words|x|");
}

TEST(ExecTest, PassesExactlyTheEnvironment) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] { Exec(self, {"probe", "env"}, {"A=1", "B=", "strange"}); }), "A=1|B=|strange|");
  EXPECT_EQ(OutputOf([&] { Exec(self, {"probe", "env"}); }), "");
}

TEST(ExecTest, ThousandsOfArgumentsArrive) {
  const std::string self = SelfPath();
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back("argument-" + std::to_string(i));
  std::vector<const char*> argv = {"probe", "argv"};
  std::string expected = "probe|argv|";
  for (const std::string& text : texts) {
    argv.push_back(text.c_str());
    expected += text + "|";
  }
  EXPECT_EQ(OutputOf([&] { Exec(self, argv); }), expected);
}

TEST(ExecTest, KeepsThePid) {
  const std::string self = SelfPath();
  Pipe pipe = MakePipe();
  Child child([&] {
    dup2(pipe.writer.get(), 1);
    return static_cast<int>(Exec(self, {"probe", "ids"}));
  });
  const std::string expected = std::to_string(child.pid()) + " " + std::to_string(child.pid());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  char buffer[64] = {};
  EXPECT_THAT(read(pipe.reader.get(), buffer, sizeof(buffer)), SyscallSucceeds());
  EXPECT_EQ(expected, buffer);
}

TEST(ExecTest, FromAnotherThreadBecomesTheLeaderAndEndsTheRest) {
  const std::string self = SelfPath();
  Pipe pipe = MakePipe();
  Child child([&] {
    dup2(pipe.writer.get(), 1);
    std::thread idle([] {
      for (;;) pause();
    });
    std::thread other([&] { Exec(self, {"probe", "ids"}); });
    for (;;) pause();
    return 1;
  });
  const std::string expected = std::to_string(child.pid()) + " " + std::to_string(child.pid());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  char buffer[64] = {};
  EXPECT_THAT(read(pipe.reader.get(), buffer, sizeof(buffer)), SyscallSucceeds());
  EXPECT_EQ(expected, buffer);
}

TEST(ExecTest, ClosesOnlyCloseOnExecDescriptors) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] {
              RawSyscall(SYS_close_range, 3, ~0u, 0);
              dup3(1, 20, O_CLOEXEC);
              dup2(1, 21);
              dup3(1, 22, O_CLOEXEC);
              dup2(1, 23);
              Exec(self, {"probe", "fds"});
            }),
            "21|23|");
}

TEST(ExecTest, ResetsHandlersKeepsIgnoredMaskAndPending) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] {
              signal(SIGUSR1, [](int) {});
              signal(SIGHUP, SIG_IGN);
              sigset_t set;
              sigemptyset(&set);
              sigaddset(&set, SIGUSR2);
              sigprocmask(SIG_BLOCK, &set, nullptr);
              raise(SIGUSR2);
              Exec(self, {"probe", "signals"});
            }),
            "default ignored 1 1");
}

TEST(ExecTest, DropsTheAlternateStack) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] {
              static char memory[65536];
              stack_t stack = {};
              stack.ss_sp = memory;
              stack.ss_size = sizeof(memory);
              sigaltstack(&stack, nullptr);
              Exec(self, {"probe", "stack"});
            }),
            std::to_string(SS_DISABLE));
}

TEST(ExecTest, VforkParentGoesOnWhenTheChildExecs) {
  const std::string self = SelfPath();
  const char* argv[] = {"probe", "none", nullptr};
  const char* path = self.c_str();
  const pid_t pid = vfork();
  if (pid == 0) {
    RawSyscall(SYS_execve, path, argv, nullptr);
    _exit(1);
  }
  int status = 0;
  EXPECT_THAT(waitpid(pid, &status, 0), SyscallSucceedsWithValue(pid));
  EXPECT_THAT(status, ExitedWith(0));
}

TEST(ExecTest, FailedExecLeavesTheProcessAsItWas) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(dup3(1, 20, O_CLOEXEC) == 20);
                signal(SIGUSR1, [](int) {});
                CHILD_CHECK_ERRNO(Exec("/tmp/runsc-nowhere", {"x"}), ENOENT);
                CHILD_CHECK(fcntl(20, F_GETFD) == FD_CLOEXEC);
                CHILD_CHECK(raise(SIGUSR1) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ExecErrorTest, PathsThatCannotBeRun) {
  TempPath plain = TempPath::File("data", 0644);
  TempPath garbage = TempPath::File("data", 0755);
  TempPath empty = TempPath::File("", 0755);
  TempPath cut = TempPath::File("\177ELF\2\1\1", 0755);
  EXPECT_THAT(Exec("/tmp", {"x"}), SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(Exec(plain.path(), {"x"}), SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(Exec(garbage.path(), {"x"}), SyscallFailsWithErrno(ENOEXEC));
  EXPECT_THAT(Exec(empty.path(), {"x"}), SyscallFailsWithErrno(ENOEXEC));
  EXPECT_THAT(Exec(cut.path(), {"x"}), SyscallFailsWithErrno(ENOEXEC));
  EXPECT_THAT(Exec(plain / "x", {"x"}), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(Exec("/tmp/runsc-nowhere", {"x"}), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(Exec("", {"x"}), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(Exec("/dev/null", {"x"}), SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(Exec("/tmp/" + std::string(NAME_MAX + 1, 'a'), {"x"}), SyscallFailsWithErrno(ENAMETOOLONG));
}

TEST(ExecErrorTest, LinkCycleIsEloop) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink(name.c_str(), name.c_str()), SyscallSucceeds());
  EXPECT_THAT(Exec(name.path(), {"x"}), SyscallFailsWithErrno(ELOOP));
}

TEST(ExecErrorTest, FileOpenForWritingIsEtxtbsy) {
  TempPath file = TempPath::File("#!/bin/sh\n", 0755);
  UniqueFd writer = Open(file.path(), O_WRONLY);
  EXPECT_THAT(Exec(file.path(), {"x"}), SyscallFailsWithErrno(ETXTBSY));
}

TEST(ExecErrorTest, UnmappedPathOrVectorsAreEfault) {
  const std::string self = SelfPath();
  const char* bad[] = {"x", BadPointer<char>(), nullptr};
  const char* good[] = {"x", nullptr};
  EXPECT_THAT(RawSyscall(SYS_execve, BadPointer(), good, good), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_execve, self.c_str(), BadPointer(), good), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_execve, self.c_str(), good, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_execve, self.c_str(), bad, good), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_execve, "/tmp/runsc-nowhere", BadPointer(), nullptr), SyscallFailsWithErrno(ENOENT));
}

TEST(ExecErrorTest, TooLongArgumentIsE2big) {
  const std::string self = SelfPath();
  const std::string longest(32 * kPageSize - 1, 'a');
  const std::string too_long(32 * kPageSize, 'a');
  EXPECT_THAT(Exec(self, {"x", too_long.c_str()}), SyscallFailsWithErrno(E2BIG));
  EXPECT_EQ(OutputOf([&] { Exec(self, {"probe", "argv", longest.c_str()}); }), "probe|argv|" + longest + "|");
}

TEST(ExecErrorTest, TooManyArgumentBytesAreE2big) {
  const std::string self = SelfPath();
  const std::string big(100'000, 'a');
  EXPECT_THAT(Exec(self, std::vector<const char*>(100, big.c_str())), SyscallFailsWithErrno(E2BIG));
}

TEST(ScriptTest, InterpreterGetsItsArgumentAndTheScriptPath) {
  // A relative interpreter is resolved from the working directory and becomes argv[0] as written.
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(symlink(SelfPath().c_str(), (directory / "probe").c_str()), SyscallSucceeds());
  const std::string script = directory / "script";
  UniqueFd fd(open(script.c_str(), O_CREAT | O_WRONLY, 0755));
  const std::string text = "#! probe  argv one two \nnever read\n";
  ASSERT_THAT(write(fd.get(), text.data(), text.size()), SyscallSucceeds());
  fd.reset();
  EXPECT_EQ(OutputOf([&] {
              chdir(directory.c_str());
              Exec(script, {"ignored", "first", "second"});
            }),
            "probe|argv one two|" + script + "|first|second|");
}

TEST(ScriptTest, MissingInterpreterIsEnoentAndNoneEnoexec) {
  TempPath missing = TempPath::File("#!/tmp/runsc-nowhere\n", 0755);
  TempPath none = TempPath::File("#!\n", 0755);
  TempPath directory = TempPath::File("#!/tmp\n", 0755);
  EXPECT_THAT(Exec(missing.path(), {"x"}), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(Exec(none.path(), {"x"}), SyscallFailsWithErrno(ENOEXEC));
  EXPECT_THAT(Exec(directory.path(), {"x"}), SyscallFailsWithErrno(EACCES));
}

TEST(ScriptTest, ChainOfInterpretersEndsInEloop) {
  TempPath directory = TempPath::Directory();
  for (int i = 0; i < 8; ++i) {
    const std::string text = "#!" + (i == 0 ? SelfPath() : directory / std::to_string(i - 1)) + "\n";
    UniqueFd fd(open((directory / std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0755));
    ASSERT_THAT(write(fd.get(), text.data(), text.size()), SyscallSucceeds());
  }
  EXPECT_THAT(Exec(directory / "7", {"x"}), SyscallFailsWithErrno(ELOOP));
}

TEST(ExecveatTest, EmptyPathRunsTheDescriptor) {
  const std::string self = SelfPath();
  EXPECT_EQ(OutputOf([&] {
              const int fd = open(self.c_str(), O_PATH | O_CLOEXEC);
              const char* argv[] = {"probe", "argv", nullptr};
              RawSyscall(SYS_execveat, fd, "", argv, nullptr, AT_EMPTY_PATH);
            }),
            "probe|argv|");
}

TEST(ExecveatTest, BadDescriptorOrFlagFails) {
  const char* argv[] = {"x", nullptr};
  EXPECT_THAT(RawSyscall(SYS_execveat, -1, "x", argv, nullptr, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_execveat, AT_FDCWD, "/tmp", argv, nullptr, 1), SyscallFailsWithErrno(EINVAL));
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink(SelfPath().c_str(), name.c_str()), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_execveat, AT_FDCWD, name.c_str(), argv, nullptr, AT_SYMLINK_NOFOLLOW),
              SyscallFailsWithErrno(ELOOP));
}

}  // namespace
}  // namespace tests
