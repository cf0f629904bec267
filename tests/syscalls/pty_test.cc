// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <thread>

#include "tests/syscalls/pty.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

short Poll(int fd, short events, int timeout = 0) {
  pollfd request = {fd, events, 0};
  return poll(&request, 1, timeout) == 1 ? request.revents : static_cast<short>(0);
}

TEST(PtyTest, LinesGoFromOneSideToTheOther) {
  Pty pty = OpenPty();
  EXPECT_TRUE(WriteText(pty.master.get(), "hello\r"));
  EXPECT_EQ(ReadSome(pty.slave.get(), 6), "hello\n");
  EXPECT_EQ(ReadSome(pty.master.get(), 7), "hello\r\n");
  EXPECT_TRUE(WriteText(pty.slave.get(), "world\n"));
  EXPECT_EQ(ReadSome(pty.master.get(), 7), "world\r\n");
}

TEST(PtyTest, EditingAndEndOfFile) {
  Pty pty = OpenPty();
  EXPECT_TRUE(WriteText(pty.master.get(), "abx\177c\004"));
  char buffer[16];
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(3));
  EXPECT_EQ(std::string(buffer, 3), "abc");
  EXPECT_TRUE(WriteText(pty.master.get(), "\004"));
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(0));
  EXPECT_EQ(ReadSome(pty.master.get(), 7), "abx\b \bc");
}

TEST(PtyTest, DefaultModesAreThoseOfTheKernel) {
  Pty pty = OpenPty();
  termios modes{};
  ASSERT_THAT(tcgetattr(pty.slave.get(), &modes), SyscallSucceeds());
  EXPECT_EQ(modes.c_iflag, static_cast<tcflag_t>(ICRNL | IXON));
  EXPECT_EQ(modes.c_oflag, static_cast<tcflag_t>(OPOST | ONLCR));
  EXPECT_EQ(modes.c_cflag, static_cast<tcflag_t>(CS8 | CREAD | B38400));
  EXPECT_EQ(modes.c_lflag, static_cast<tcflag_t>(ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN));
  EXPECT_EQ(modes.c_cc[VINTR], 3);
  EXPECT_EQ(modes.c_cc[VERASE], 0177);
  EXPECT_EQ(modes.c_cc[VMIN], 1);
  termios other{};
  ASSERT_THAT(tcgetattr(pty.master.get(), &other), SyscallSucceeds());
  EXPECT_EQ(memcmp(&modes, &other, sizeof(modes)), 0);
}

TEST(PtyTest, ModesAreSetFromBothSidesAndKept) {
  Pty pty = OpenPty();
  termios modes{};
  tcgetattr(pty.slave.get(), &modes);
  modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  modes.c_cc[VINTR] = 1;
  ASSERT_THAT(tcsetattr(pty.master.get(), TCSAFLUSH, &modes), SyscallSucceeds());
  termios now{};
  tcgetattr(pty.slave.get(), &now);
  EXPECT_EQ(now.c_lflag & ECHO, 0u);
  EXPECT_EQ(now.c_cc[VINTR], 1);
  // There are no seven-bit pseudo-terminals.
  modes.c_cflag = (modes.c_cflag & ~static_cast<tcflag_t>(CSIZE)) | CS7 | PARENB;
  // The library would notice.
  tcsetattr(pty.slave.get(), TCSADRAIN, &modes);
  tcgetattr(pty.slave.get(), &now);
  EXPECT_EQ(now.c_cflag & (CSIZE | PARENB), static_cast<tcflag_t>(CS8));
}

TEST(PtyTest, FlushingModesDropInput) {
  Pty pty = OpenPty();
  EXPECT_TRUE(WriteText(pty.master.get(), "old\n"));
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN, -1), POLLIN);
  termios modes{};
  tcgetattr(pty.slave.get(), &modes);
  ASSERT_THAT(tcsetattr(pty.slave.get(), TCSAFLUSH, &modes), SyscallSucceeds());
  EXPECT_TRUE(WriteText(pty.master.get(), "new\n"));
  EXPECT_EQ(ReadSome(pty.slave.get(), 4), "new\n");
}

TEST(PtyTest, RawReadsWaitForTheMinimum) {
  Pty pty = OpenPty();
  MakeRaw(pty.slave.get(), 3);
  EXPECT_TRUE(WriteText(pty.master.get(), "ab"));
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN), 0);
  EXPECT_TRUE(WriteText(pty.master.get(), "\003"));
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN, -1), POLLIN);
  char buffer[8];
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(3));
  EXPECT_EQ(buffer[2], 3);
}

TEST(PtyTest, RawReadsWithoutMinimumReturnAtOnce) {
  Pty pty = OpenPty();
  MakeRaw(pty.slave.get(), 0);
  char buffer[8];
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(0));
}

TEST(PtyTest, TimedReadsEnd) {
  Pty pty = OpenPty();
  MakeRaw(pty.slave.get(), 0, 1);
  char buffer[8];
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(0));
  MakeRaw(pty.slave.get(), 5, 1);
  EXPECT_TRUE(WriteText(pty.master.get(), "ab"));
  EXPECT_THAT(read(pty.slave.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(2));
}

TEST(PtyTest, ABlockedReadIsWoken) {
  Pty pty = OpenPty();
  std::thread typist([&] { WriteText(pty.master.get(), "x\n"); });
  EXPECT_EQ(ReadSome(pty.slave.get(), 2), "x\n");
  typist.join();
}

TEST(PtyTest, NonblockingReadsAreEagain) {
  Pty pty = OpenPty();
  char byte = 0;
  fcntl(pty.slave.get(), F_SETFL, O_NONBLOCK);
  fcntl(pty.master.get(), F_SETFL, O_NONBLOCK);
  EXPECT_THAT(read(pty.slave.get(), &byte, 1), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(read(pty.master.get(), &byte, 1), SyscallFailsWithErrno(EAGAIN));
}

TEST(PtyTest, InputAndOutputCanBeCounted) {
  Pty pty = OpenPty();
  int count = -1;
  EXPECT_TRUE(WriteText(pty.master.get(), "ab"));
  EXPECT_THAT(ioctl(pty.slave.get(), FIONREAD, &count), SyscallSucceeds());
  EXPECT_EQ(count, 0);
  EXPECT_TRUE(WriteText(pty.master.get(), "c\n"));
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN, -1), POLLIN);
  EXPECT_THAT(ioctl(pty.slave.get(), FIONREAD, &count), SyscallSucceeds());
  EXPECT_EQ(count, 4);
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCOUTQ, &count), SyscallSucceeds());
  EXPECT_EQ(count, 0);
}

TEST(PtyTest, FlushDropsInput) {
  Pty pty = OpenPty();
  EXPECT_TRUE(WriteText(pty.master.get(), "ab\n"));
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN, -1), POLLIN);
  EXPECT_THAT(tcflush(pty.slave.get(), TCIFLUSH), SyscallSucceeds());
  EXPECT_EQ(Poll(pty.slave.get(), POLLIN), 0);
  EXPECT_THAT(ioctl(pty.slave.get(), TCFLSH, 7), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(tcdrain(pty.slave.get()), SyscallSucceeds());
  EXPECT_THAT(tcsendbreak(pty.slave.get(), 0), SyscallSucceeds());
}

TEST(PtyTest, StoppedOutputWaits) {
  Pty pty = OpenPty();
  fcntl(pty.slave.get(), F_SETFL, O_NONBLOCK);
  EXPECT_THAT(tcflow(pty.slave.get(), TCOOFF), SyscallSucceeds());
  EXPECT_EQ(Poll(pty.slave.get(), POLLOUT), 0);
  EXPECT_THAT(write(pty.slave.get(), "x", 1), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(tcflow(pty.slave.get(), TCOON), SyscallSucceeds());
  EXPECT_THAT(write(pty.slave.get(), "x", 1), SyscallSucceedsWithValue(1));
  EXPECT_THAT(ioctl(pty.slave.get(), TCXONC, 9), SyscallFailsWithErrno(EINVAL));
}

TEST(PtyTest, WindowSizeIsCommon) {
  Pty pty = OpenPty();
  winsize size{};
  ASSERT_THAT(ioctl(pty.slave.get(), TIOCGWINSZ, &size), SyscallSucceeds());
  EXPECT_EQ(size.ws_row, 0);
  size = {24, 80, 1, 2};
  ASSERT_THAT(ioctl(pty.master.get(), TIOCSWINSZ, &size), SyscallSucceeds());
  winsize got{};
  ASSERT_THAT(ioctl(pty.slave.get(), TIOCGWINSZ, &got), SyscallSucceeds());
  EXPECT_EQ(memcmp(&size, &got, sizeof(size)), 0);
}

TEST(PtyTest, MasterEndsWithTheLastSlave) {
  Pty pty = OpenPty();
  EXPECT_TRUE(WriteText(pty.slave.get(), "bye"));
  pty.slave.reset();
  EXPECT_EQ(ReadSome(pty.master.get(), 3), "bye");
  char byte = 0;
  EXPECT_THAT(read(pty.master.get(), &byte, 1), SyscallFailsWithErrno(EIO));
  EXPECT_NE(Poll(pty.master.get(), POLLIN) & POLLHUP, 0);
  // And begins again.
  UniqueFd again = Open(pty.name, O_RDWR | O_NOCTTY);
  EXPECT_EQ(Poll(pty.master.get(), POLLIN) & POLLHUP, 0);
}

TEST(PtyTest, SlaveIsHungUpWithTheMaster) {
  Pty pty = OpenPty();
  pty.master.reset();
  char byte = 0;
  EXPECT_THAT(read(pty.slave.get(), &byte, 1), SyscallSucceedsWithValue(0));
  EXPECT_THAT(write(pty.slave.get(), &byte, 1), SyscallFailsWithErrno(EIO));
  EXPECT_NE(Poll(pty.slave.get(), POLLIN | POLLOUT) & POLLHUP, 0);
  termios modes{};
  EXPECT_THAT(tcgetattr(pty.slave.get(), &modes), SyscallFailsWithErrno(EIO));
  EXPECT_THAT(open(pty.name.c_str(), O_RDWR | O_NOCTTY), SyscallFailsWithErrno(ENOENT));
}

TEST(PtyTest, ALockedSlaveCannotBeOpened) {
  UniqueFd master = Open("/dev/ptmx", O_RDWR | O_NOCTTY);
  int number = -1;
  ASSERT_THAT(ioctl(master.get(), TIOCGPTN, &number), SyscallSucceeds());
  std::string name = "/dev/pts/" + std::to_string(number);
  EXPECT_THAT(open(name.c_str(), O_RDWR | O_NOCTTY), SyscallFailsWithErrno(EIO));
  ASSERT_THAT(unlockpt(master.get()), SyscallSucceeds());
  UniqueFd slave = Open(name, O_RDWR | O_NOCTTY);
  EXPECT_EQ(std::string(ttyname(slave.get())), name);
  EXPECT_EQ(std::string(ptsname(master.get())), name);
}

TEST(PtyTest, PeerIsOpenedByTheMaster) {
  Pty pty = OpenPty();
  UniqueFd peer(ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY));
  ASSERT_TRUE(peer.ok());
  EXPECT_TRUE(WriteText(peer.get(), "hi"));
  EXPECT_EQ(ReadSome(pty.master.get(), 2), "hi");
}

TEST(PtyTest, NodesAreCharacterDevices) {
  Pty pty = OpenPty();
  struct stat slave {};
  ASSERT_THAT(fstat(pty.slave.get(), &slave), SyscallSucceeds());
  EXPECT_TRUE(S_ISCHR(slave.st_mode));
  EXPECT_EQ(slave.st_mode & 0777, 0620u);
  EXPECT_EQ(slave.st_gid, 5u);
  EXPECT_EQ(major(slave.st_rdev), 136u);
  EXPECT_EQ("/dev/pts/" + std::to_string(minor(slave.st_rdev)), pty.name);
  ASSERT_THAT(chmod(pty.name.c_str(), 0600), SyscallSucceeds());
  ASSERT_THAT(chown(pty.name.c_str(), 7, 8), SyscallSucceeds());
  ASSERT_THAT(stat(pty.name.c_str(), &slave), SyscallSucceeds());
  EXPECT_EQ(slave.st_mode & 0777, 0600u);
  EXPECT_EQ(slave.st_uid, 7u);
  struct stat master {};
  ASSERT_THAT(fstat(pty.master.get(), &master), SyscallSucceeds());
  EXPECT_EQ(master.st_rdev, makedev(5, 2));
  struct statfs status {};
  ASSERT_THAT(statfs("/dev/pts", &status), SyscallSucceeds());
  EXPECT_EQ(static_cast<unsigned long>(status.f_type), 0x1cd1ul);
}

TEST(PtyTest, TheDirectoryListsWhatIsOpen) {
  Pty pty = OpenPty();
  auto listed = [&] {
    bool found = false;
    DIR* directory = opendir("/dev/pts");
    while (const dirent* entry = readdir(directory)) {
      if ("/dev/pts/" + std::string(entry->d_name) == pty.name) found = true;
    }
    closedir(directory);
    return found;
  };
  EXPECT_TRUE(listed());
  pty.master.reset();
  EXPECT_FALSE(listed());
  EXPECT_THAT(mkdir("/dev/pts/x", 0755), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(open("/dev/pts/99999", O_RDWR), SyscallFailsWithErrno(ENOENT));
}

TEST(PtyTest, PacketModeTellsWhatHappens) {
  Pty pty = OpenPty();
  int on = 1;
  ASSERT_THAT(ioctl(pty.master.get(), TIOCPKT, &on), SyscallSucceeds());
  EXPECT_TRUE(WriteText(pty.slave.get(), "x"));
  EXPECT_EQ(ReadSome(pty.master.get(), 2), std::string("\0x", 2));
  EXPECT_THAT(tcflow(pty.slave.get(), TCOOFF), SyscallSucceeds());
  EXPECT_NE(Poll(pty.master.get(), POLLPRI) & POLLPRI, 0);
  char status = 0;
  EXPECT_THAT(read(pty.master.get(), &status, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(status, TIOCPKT_STOP);
  EXPECT_THAT(tcflow(pty.slave.get(), TCOON), SyscallSucceeds());
  EXPECT_THAT(read(pty.master.get(), &status, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(status, TIOCPKT_START);
  EXPECT_THAT(tcflush(pty.slave.get(), TCIFLUSH), SyscallSucceeds());
  EXPECT_THAT(read(pty.master.get(), &status, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(status, TIOCPKT_FLUSHREAD);
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCPKT, &on), SyscallFailsWithErrno(ENOTTY));
}

TEST(PtyTest, ExclusiveIsForOthersThanRoot) {
  Pty pty = OpenPty();
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCEXCL), SyscallSucceeds());
  int exclusive = 0;
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCGEXCL, &exclusive), SyscallSucceeds());
  EXPECT_EQ(exclusive, 1);
  UniqueFd root = Open(pty.name, O_RDWR | O_NOCTTY);
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCNXCL), SyscallSucceeds());
}

TEST(PtyTest, LineDisciplineIsTheStandardOne) {
  Pty pty = OpenPty();
  int discipline = -1;
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCGETD, &discipline), SyscallSucceeds());
  EXPECT_EQ(discipline, 0);
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCSETD, &discipline), SyscallSucceeds());
}

TEST(PtyTest, TermioOfSystemV) {
  Pty pty = OpenPty();
  const int slave = pty.slave.get();
  struct kernel_termios {
    uint32_t flags[4];
    uint8_t line, characters[19];
  } before, after;
  ASSERT_THAT(RawSyscall(SYS_ioctl, slave, TCGETS, &before), SyscallSucceeds());
  termio old = {};
  ASSERT_THAT(RawSyscall(SYS_ioctl, slave, TCGETA, &old), SyscallSucceeds());
  EXPECT_EQ(old.c_iflag, static_cast<uint16_t>(before.flags[0]));
  EXPECT_EQ(old.c_lflag, static_cast<uint16_t>(before.flags[3]));
  EXPECT_EQ(old.c_cc[VINTR], 3);
  old.c_lflag &= static_cast<uint16_t>(~ECHO);
  old.c_cc[VINTR] = 5;
  for (unsigned long request : {TCSETA, TCSETAW, TCSETAF}) {
    EXPECT_THAT(RawSyscall(SYS_ioctl, slave, request, &old), SyscallSucceeds());
    EXPECT_THAT(RawSyscall(SYS_ioctl, slave, request, BadPointer()), SyscallFailsWithErrno(EFAULT));
  }
  ASSERT_THAT(RawSyscall(SYS_ioctl, slave, TCGETS, &after), SyscallSucceeds());
  before.flags[3] &= ~static_cast<uint32_t>(ECHO);
  before.characters[VINTR] = 5;
  EXPECT_EQ(memcmp(&before, &after, sizeof(before)), 0);
  EXPECT_THAT(RawSyscall(SYS_ioctl, slave, TCGETA, BadPointer()), SyscallFailsWithErrno(EFAULT));
  kernel_termios locked;
  ASSERT_THAT(RawSyscall(SYS_ioctl, slave, TIOCGLCKTRMIOS, &locked), SyscallSucceeds());
  EXPECT_EQ(locked.flags[0] | locked.flags[1] | locked.flags[2] | locked.flags[3], 0u);
}

TEST(PtyTest, IoctlErrors) {
  Pty pty = OpenPty();
  EXPECT_THAT(ioctl(pty.slave.get(), TCGETS, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(ioctl(pty.slave.get(), TCSETS, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCGWINSZ, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCSWINSZ, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(ioctl(pty.master.get(), TIOCGPTN, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(ioctl(pty.slave.get(), TIOCGPTN, BadPointer()), SyscallFailsWithErrno(ENOTTY));
  EXPECT_THAT(ioctl(pty.slave.get(), 0x12345678, 0), SyscallFailsWithErrno(ENOTTY));
  EXPECT_THAT(lseek(pty.slave.get(), 0, SEEK_SET), SyscallFailsWithErrno(ESPIPE));
}

TEST(PtyTest, EpollSeesBothSides) {
  Pty pty = OpenPty();
  UniqueFd epoll(epoll_create1(0));
  epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 1}};
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pty.slave.get(), &event), SyscallSucceeds());
  event.data.u32 = 2;
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pty.master.get(), &event), SyscallSucceeds());
  EXPECT_TRUE(WriteText(pty.slave.get(), "x"));
  epoll_event got{};
  EXPECT_THAT(epoll_wait(epoll.get(), &got, 1, -1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(got.data.u32, 2u);
}

TEST(PtyTest, AWriteThatFindsNoRoomWakesNobody) {
  Pty pty = OpenPty();
  MakeRaw(pty.slave.get());
  ASSERT_THAT(fcntl(pty.master.get(), F_SETFL, O_RDWR | O_NONBLOCK), SyscallSucceeds());
  const std::string block(1000, 'x');
  while (write(pty.master.get(), block.data(), block.size()) > 0) {
  }
  UniqueFd epoll(epoll_create1(0));
  epoll_event event = {};
  event.events = EPOLLOUT | EPOLLET;
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pty.master.get(), &event), SyscallSucceeds());
  while (epoll_wait(epoll.get(), &event, 1, 0) > 0) {
  }
  EXPECT_THAT(write(pty.master.get(), block.data(), block.size()), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 1, 0), SyscallSucceedsWithValue(0));
}

TEST(PtyTest, LargeTransfersFlow) {
  Pty pty = OpenPty();
  MakeRaw(pty.slave.get());
  constexpr size_t kSize = 300'000;
  std::thread writer([&] {
    std::string block(kSize, 'z');
    EXPECT_TRUE(WriteText(pty.slave.get(), block));
  });
  EXPECT_EQ(ReadSome(pty.master.get(), kSize).size(), kSize);
  writer.join();
  std::thread typist([&] {
    std::string block(kSize, 'y');
    EXPECT_TRUE(WriteText(pty.master.get(), block));
  });
  EXPECT_EQ(ReadSome(pty.slave.get(), kSize).size(), kSize);
  typist.join();
}

}  // namespace
}  // namespace tests
