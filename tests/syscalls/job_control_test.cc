// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include <atomic>

#include "tests/syscalls/pty.h"
#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

int PauseForEver() {
  while (true) pause();
}

// Runs `body` as leader of a new session whose controlling terminal is the slave; returns its wait status.
template <typename Body>
int RunInSession(const Pty& pty, Body body) {
  return RunInChild([&] {
    CHILD_CHECK(setsid() == getpid());
    CHILD_CHECK(ioctl(pty.slave.get(), TIOCSCTTY, 0) == 0);
    return body();
  });
}

// A child in a process group of its own.
template <typename Body>
pid_t StartGroup(Body body) {
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    _exit(body());
  }
  setpgid(child, child);
  return child;
}

TEST(ControllingTerminalTest, IsAcquiredByTheSessionsLeader) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK_ERRNO(ioctl(pty.slave.get(), TIOCSCTTY, 0), EPERM);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             int id = 0;
                             CHILD_CHECK(ioctl(pty.slave.get(), TIOCGSID, &id) == 0 && id == getpid());
                             CHILD_CHECK(tcgetpgrp(pty.slave.get()) == getpgrp());
                             CHILD_CHECK(tcgetsid(pty.slave.get()) == getsid(0));
                             CHILD_CHECK(ioctl(pty.slave.get(), TIOCSCTTY, 0) == 0);
                             int fd = open("/dev/tty", O_RDWR);
                             CHILD_CHECK(fd >= 0);
                             CHILD_CHECK(tcgetpgrp(fd) == getpgrp());
                             // Another one does not go with it.
                             Pty other = OpenPty();
                             CHILD_CHECK_ERRNO(ioctl(other.slave.get(), TIOCSCTTY, 0), EPERM);
                             CHILD_CHECK_ERRNO(tcgetpgrp(other.slave.get()), ENOTTY);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ControllingTerminalTest, OpeningIsAcquiring) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setsid() > 0);
                CHILD_CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
                int fd = open(pty.name.c_str(), O_RDWR | O_NOCTTY);
                CHILD_CHECK(fd >= 0);
                CHILD_CHECK_ERRNO(tcgetpgrp(fd), ENOTTY);
                fd = open(pty.name.c_str(), O_RDWR);
                CHILD_CHECK(fd >= 0);
                CHILD_CHECK(tcgetpgrp(fd) == getpgrp());
                CHILD_CHECK((fcntl(fd, F_GETFL) & O_NOCTTY) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ControllingTerminalTest, BelongsToOneSession) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             int status = RunInChild([&] {
                               CHILD_CHECK(setsid() > 0);
                               CHILD_CHECK_ERRNO(ioctl(pty.slave.get(), TIOCSCTTY, 0), EPERM);
                               CHILD_CHECK_ERRNO(tcgetpgrp(pty.slave.get()), ENOTTY);
                               CHILD_CHECK_ERRNO(tcsetpgrp(pty.slave.get(), getpgrp()), ENOTTY);
                               CHILD_CHECK_ERRNO(ioctl(pty.slave.get(), TIOCNOTTY), ENOTTY);
                               return 0;
                             });
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ControllingTerminalTest, ChildrenHaveItAndMayGiveItUp) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             int status = RunInChild([&] {
                               int fd = open("/dev/tty", O_RDWR);
                               CHILD_CHECK(fd >= 0);
                               CHILD_CHECK(ioctl(fd, TIOCNOTTY) == 0);
                               CHILD_CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
                               return 0;
                             });
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                             CHILD_CHECK(open("/dev/tty", O_RDWR) >= 0);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ControllingTerminalTest, LeaderThatGivesItUpHangsUpTheForeground) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             Pipe ready = MakePipe();
                             CHILD_CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
                             pid_t child = StartGroup([&] {
                               signal(SIGHUP, SIG_DFL);
                               WriteByte(ready.writer.get());
                               return PauseForEver();
                             });
                             CHILD_CHECK(ReadByte(ready.reader.get()));
                             CHILD_CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
                             CHILD_CHECK(tcsetpgrp(pty.slave.get(), child) == 0);
                             CHILD_CHECK(ioctl(pty.slave.get(), TIOCNOTTY) == 0);
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             CHILD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
                             CHILD_CHECK_ERRNO(tcgetpgrp(pty.slave.get()), ENOTTY);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ForegroundTest, SignalsGoToIt) {
  Pty pty = OpenPty();
  struct {
    char typed;
    int signal;
  } cases[] = {{'\003', SIGINT}, {'\034', SIGQUIT}};
  for (const auto& item : cases) {
    EXPECT_THAT(RunInSession(pty,
                             [&] {
                               Pipe ready = MakePipe();
                               CHILD_CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
                               pid_t child = StartGroup([&] {
                                 WriteByte(ready.writer.get());
                                 return PauseForEver();
                               });
                               CHILD_CHECK(tcsetpgrp(pty.slave.get(), child) == 0);
                               CHILD_CHECK(ReadByte(ready.reader.get()));
                               CHILD_CHECK(WriteByte(pty.master.get(), item.typed));
                               int status = 0;
                               CHILD_CHECK(waitpid(child, &status, 0) == child);
                               CHILD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == item.signal);
                               return 0;
                             }),
                ExitedWith(0));
  }
}

TEST(ForegroundTest, SuspendStopsAndContinues) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             Pipe ready = MakePipe();
                             CHILD_CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
                             pid_t child = StartGroup([&] {
                               WriteByte(ready.writer.get());
                               return PauseForEver();
                             });
                             CHILD_CHECK(tcsetpgrp(pty.slave.get(), child) == 0);
                             CHILD_CHECK(ReadByte(ready.reader.get()));
                             CHILD_CHECK(WriteByte(pty.master.get(), '\032'));
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
                             CHILD_CHECK(kill(-child, SIGCONT) == 0);
                             CHILD_CHECK(waitpid(child, &status, WCONTINUED) == child);
                             CHILD_CHECK(WIFCONTINUED(status));
                             CHILD_CHECK(kill(child, SIGKILL) == 0);
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ForegroundTest, ResizingTellsIt) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             sigset_t set = SignalSet({SIGWINCH});
                             CHILD_CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
                             winsize size = {1, 2, 3, 4};
                             CHILD_CHECK(ioctl(pty.master.get(), TIOCSWINSZ, &size) == 0);
                             int signal = 0;
                             CHILD_CHECK(sigwait(&set, &signal) == 0 && signal == SIGWINCH);
                             // The same size is no change.
                             CHILD_CHECK(ioctl(pty.master.get(), TIOCSWINSZ, &size) == 0);
                             const timespec none = {0, 0};
                             CHILD_CHECK_ERRNO(sigtimedwait(&set, nullptr, &none), EAGAIN);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(BackgroundTest, ReadingStops) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             pid_t child = StartGroup([&] {
                               char byte = 0;
                               return read(pty.slave.get(), &byte, 1) == 1 && byte == 'k' ? 7 : 1;
                             });
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
                             CHILD_CHECK(WriteText(pty.master.get(), "k\n"));
                             CHILD_CHECK(tcsetpgrp(pty.slave.get(), child) == 0);
                             CHILD_CHECK(kill(-child, SIGCONT) == 0);
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(BackgroundTest, ReadingWithTheSignalIgnoredIsEio) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             pid_t child = StartGroup([&] {
                               signal(SIGTTIN, SIG_IGN);
                               char byte = 0;
                               return read(pty.slave.get(), &byte, 1) == -1 && errno == EIO ? 0 : 1;
                             });
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(BackgroundTest, WritingStopsOnlyWithTostop) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             pid_t child = StartGroup([&] { return write(pty.slave.get(), "x", 1) == 1 ? 0 : 1; });
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                             termios modes{};
                             CHILD_CHECK(tcgetattr(pty.slave.get(), &modes) == 0);
                             modes.c_lflag |= TOSTOP;
                             CHILD_CHECK(tcsetattr(pty.slave.get(), TCSANOW, &modes) == 0);
                             child = StartGroup([&] { return write(pty.slave.get(), "x", 1) == 1 ? 0 : 1; });
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
                             CHILD_CHECK(kill(child, SIGKILL) == 0);
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(BackgroundTest, ChangingTheTerminalStops) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             pid_t child = StartGroup([&] { return tcsetpgrp(pty.slave.get(), getpgrp()); });
                             int status = 0;
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
                             CHILD_CHECK(kill(child, SIGKILL) == 0);
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             child = StartGroup([&] {
                               termios modes{};
                               tcgetattr(pty.slave.get(), &modes);
                               return tcsetattr(pty.slave.get(), TCSANOW, &modes);
                             });
                             CHILD_CHECK(waitpid(child, &status, WUNTRACED) == child);
                             CHILD_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
                             CHILD_CHECK(kill(child, SIGKILL) == 0);
                             CHILD_CHECK(waitpid(child, &status, 0) == child);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(ForegroundTest, SettingItHasErrors) {
  Pty pty = OpenPty();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             int id = -1;
                             CHILD_CHECK_ERRNO(ioctl(pty.slave.get(), TIOCSPGRP, &id), EINVAL);
                             CHILD_CHECK_ERRNO(tcsetpgrp(pty.slave.get(), 0x3fffff), ESRCH);
                             CHILD_CHECK_ERRNO(tcsetpgrp(pty.slave.get(), getppid()), EPERM);
                             CHILD_CHECK_ERRNO(ioctl(pty.slave.get(), TIOCSPGRP, BadPointer()), EFAULT);
                             return 0;
                           }),
              ExitedWith(0));
}

TEST(HangupTest, TheMastersEndTellsTheLeader) {
  Pty pty = OpenPty();
  Pipe ready = MakePipe();
  Child child([&] {
    CHILD_CHECK(setsid() > 0);
    CHILD_CHECK(ioctl(pty.slave.get(), TIOCSCTTY, 0) == 0);
    close(pty.master.get());
    WriteByte(ready.writer.get());
    return PauseForEver();
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  pty.master.reset();
  EXPECT_THAT(child.Wait(), KilledBy(SIGHUP));
}

TEST(HangupTest, TheLeadersEndTellsTheForeground) {
  Pty pty = OpenPty();
  Pipe ready = MakePipe();
  Pipe told = MakePipe();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             pid_t child = StartGroup([&] {
                               static int out;
                               out = told.writer.get();
                               signal(SIGHUP, [](int) {
                                 WriteByte(out, 'h');
                                 _exit(0);
                               });
                               WriteByte(ready.writer.get());
                               return PauseForEver();
                             });
                             CHILD_CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
                             CHILD_CHECK(tcsetpgrp(pty.slave.get(), child) == 0);
                             CHILD_CHECK(ReadByte(ready.reader.get()));
                             return 0;
                           }),
              ExitedWith(0));
  told.writer.reset();
  char byte = 0;
  EXPECT_TRUE(ReadByte(told.reader.get(), &byte));
  EXPECT_EQ(byte, 'h');
}

TEST(OrphanTest, AStoppedGroupIsHungUpWhenItsParentEnds) {
  Pipe told = MakePipe();
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setsid() > 0);
                // The parent that could continue the group ends; the session goes on with nobody in charge of it.
                int status = RunInChild([&] {
                  pid_t child = StartGroup([&] {
                    static int out;
                    out = told.writer.get();
                    signal(SIGHUP, [](int) {
                      WriteByte(out, 'h');
                      _exit(0);
                    });
                    raise(SIGSTOP);
                    return PauseForEver();
                  });
                  int stopped = 0;
                  CHILD_CHECK(waitpid(child, &stopped, WUNTRACED) == child);
                  return 0;
                });
                CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                return 0;
              }),
              ExitedWith(0));
  told.writer.reset();
  char byte = 0;
  EXPECT_TRUE(ReadByte(told.reader.get(), &byte));
  EXPECT_EQ(byte, 'h');
}

TEST(OrphanTest, BackgroundReadsOfOrphansAreEio) {
  Pty pty = OpenPty();
  Pipe told = MakePipe();
  EXPECT_THAT(RunInSession(pty,
                           [&] {
                             Pipe gone = MakePipe();
                             int status = RunInChild([&] {
                               StartGroup([&] {
                                 gone.writer.reset();
                                 char byte = 0;
                                 // Until the parent is gone.
                                 while (getppid() != 1) sched_yield();
                                 bool refused = read(pty.slave.get(), &byte, 1) == -1 && errno == EIO;
                                 WriteByte(told.writer.get(), refused ? 'e' : '?');
                                 return 0;
                               });
                               return 0;
                             });
                             CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                             // The terminal lives as long as its session's leader.
                             CHILD_CHECK(ReadByte(told.reader.get()));
                             WriteByte(told.writer.get(), 'd');
                             return 0;
                           }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
