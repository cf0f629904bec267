// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/arguments.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace fuzz {
namespace {

constexpr const char* kPaths[] = {"a",
                                  "b",
                                  "c",
                                  "d",
                                  "e",
                                  "a/b",
                                  "a/c",
                                  "d/../a",
                                  "./b",
                                  "..",
                                  ".",
                                  "",
                                  "/",
                                  "/tmp/fuzz",
                                  "/tmp/fuzz/s",
                                  "/dev/null",
                                  "/dev/zero",
                                  "/dev/full",
                                  "/dev/urandom",
                                  "/dev/ptmx",
                                  "/dev/pts/0",
                                  "/dev/tty",
                                  "/dev/shm/a",
                                  "/dev/shm/b",
                                  "/dev/shm/d/c",
                                  "/dev/shm",
                                  "/proc",
                                  "/proc/self/maps",
                                  "/proc/self/status",
                                  "/proc/self/fd",
                                  "/proc/self/fd/3",
                                  "/proc/self/fd/5",
                                  "/proc/self/cwd/a",
                                  "/proc/self/root",
                                  "/proc/self/exe",
                                  "/proc/self/mem",
                                  "/proc/self/task",
                                  "/proc/thread-self/stat",
                                  "/proc/mounts",
                                  "/proc/locks",
                                  "/proc/meminfo",
                                  "/proc/sys/kernel/pid_max",
                                  "/proc/1/status",
                                  "/proc/2/maps",
                                  "/sys",
                                  "/sys/fs/cgroup",
                                  "/etc/passwd",
                                  "/bin/busybox",
                                  "/tests/syscall_fuzzer",
                                  "very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-"
                                  "long-name-very-long-name-very-long-name-"
                                  "very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-"
                                  "long-name-very-long-name-very-long-name-"
                                  "very-long-name"};
constexpr const char* kNames[] = {"user.a",
                                  "user.b",
                                  "trusted.c",
                                  "security.capability",
                                  "system.posix_acl_access",
                                  "",
                                  "a",
                                  "name",
                                  "tmpfs",
                                  "proc",
                                  "bind",
                                  "devpts",
                                  "/queue",
                                  "user."};

}  // namespace

uint64_t Random::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

bool Arena::Map() {
  constexpr size_t kAll = (kBufferPages + 1 + 1 + 1 + kPlayPages + kOverrunPages) * kPage;
  void* memory = mmap(nullptr, kAll, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  buffers = static_cast<char*>(memory);
  char* hole = buffers + kBufferPages * kPage;
  read_only = hole + kPage;
  play = read_only + 2 * kPage;
  return munmap(hole, kPage) == 0 && munmap(read_only + kPage, kPage) == 0 &&
         mprotect(read_only, kPage, PROT_READ) == 0;
}

void* Arguments::Scratch(size_t size) {
  size = (size + 15) & ~size_t{15};
  if (used_ + size > kScratch) used_ = 0;
  void* at = scratch_ + used_;
  used_ += size;
  return at;
}

uint64_t Arguments::Anything() {
  switch (random_.Below(6)) {
    case 0:
      return random_.Below(16);
    case 1:
      return -random_.Below(16);
    case 2:
      return (uint64_t{1} << random_.Below(64)) + random_.Below(3) - 1;
    case 3:
      return Memory();
    case 4:
      return BadMemory();
    default:
      return random_.Next();
  }
}

uint64_t Arguments::Flags() {
  uint64_t flags = 0;
  for (uint64_t bits = random_.Below(4); bits > 0; --bits)
    flags |= uint64_t{1} << random_.Below(random_.Once(8) ? 64 : 20);
  return flags;
}

uint64_t Arguments::Descriptor() {
  if (random_.Once(24)) return One({-1, -100, 1023, 1024, 1 << 20, 0x7fffffff});
  // The lowest ones are always in use: most calls shall meet each other on the same files.
  return random_.Below(random_.Once(3) ? 64 : 12);
}

uint64_t Arguments::Size() {
  switch (random_.Below(8)) {
    case 0:
      return 0;
    case 1:
      return Arena::kPage * random_.Below(20) + random_.Below(3) - 1;
    case 2:
      return random_.Once(4) ? One({-1L, -4096L, 1L << 63 >> 1, 0x7fffffffL, 0x7ffff000L}) : random_.Below(1 << 20);
    default:
      return random_.Below(300);
  }
}

uint64_t Arguments::Length() {
  if (random_.Once(16)) return One({0L, -1L, -4096L, 1L << 47, 1L << 40, 4095L, 4097L});
  return Arena::kPage * (1 + random_.Below(random_.Once(8) ? Arena::kPlayPages * 2 : 8));
}

void Arguments::Fill(char* at, size_t size) {
  switch (random_.Below(4)) {
    case 0:
      memset(at, 0, size);
      return;
    case 1:
      for (size_t i = 0; i + 4 <= size; i += 4) {
        auto value = static_cast<uint32_t>(random_.Once(8) ? Anything() : random_.Below(32));
        memcpy(at + i, &value, sizeof(value));
      }
      return;
    case 2:
      for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t value = random_.Once(4) ? Anything() : random_.Below(64);
        memcpy(at + i, &value, sizeof(value));
      }
      return;
    default:
      return;  // What is there.
  }
}

uint64_t Arguments::BadMemory() {
  auto buffers = reinterpret_cast<uintptr_t>(arena_.buffers);
  const uintptr_t hole = buffers + Arena::kBufferPages * Arena::kPage;
  switch (random_.Below(10)) {
    case 0:
      return 0;
    case 1:
      return random_.Below(4096);
    case 2:
      return hole - random_.Below(64);  // Runs into the hole.
    case 3:
      return hole + random_.Below(4096);
    case 4:
      return reinterpret_cast<uintptr_t>(arena_.read_only) + random_.Below(4096);
    case 5:
      return 0x7ffffffff000 - random_.Below(64);
    case 6:
      return 0x7fff00000000 + random_.Below(0x60000000);  // Where a sandbox may have things of its own.
    case 7:
      return 0xffff800000000000 + random_.Below(1 << 20);
    case 8:
      return 0x8000000000000000 >> random_.Below(20);
    default:
      return reinterpret_cast<uintptr_t>(arena_.play) + random_.Below(Arena::kPlayPages * Arena::kPage);
  }
}

uint64_t Arguments::Memory() {
  if (random_.Once(12)) return BadMemory();
  // Behind all scratch memory, so that structures with pointers stay what they are.
  constexpr size_t kFirst = Arena::kBufferPages / 2 * Arena::kPage;
  constexpr size_t kRoom = Arena::kBufferPages / 2 * Arena::kPage - 4096;
  size_t offset = kFirst + random_.Below(kRoom);
  if (!random_.Once(8)) offset &= ~size_t{7};
  Fill(arena_.buffers + offset, 128);
  return reinterpret_cast<uintptr_t>(arena_.buffers + offset);
}

uint64_t Arguments::Page() {
  if (random_.Once(16)) return BadMemory();
  if (random_.Once(12)) return 0;
  return reinterpret_cast<uintptr_t>(arena_.play) + random_.Below(Arena::kPlayPages) * Arena::kPage;
}

uint64_t Arguments::Path() {
  if (random_.Once(40)) return BadMemory();
  const char* path = kPaths[random_.Below(random_.Once(2) ? 9 : sizeof(kPaths) / sizeof(kPaths[0]))];
  char* copy = static_cast<char*>(Scratch(strlen(path) + 1));
  strcpy(copy, path);
  return reinterpret_cast<uintptr_t>(copy);
}

uint64_t Arguments::Name() {
  if (random_.Once(40)) return BadMemory();
  const char* name = kNames[random_.Below(sizeof(kNames) / sizeof(kNames[0]))];
  char* copy = static_cast<char*>(Scratch(strlen(name) + 1));
  strcpy(copy, name);
  return reinterpret_cast<uintptr_t>(copy);
}

uint64_t Arguments::Process() {
  int pid = 0;
  switch (random_.Below(8)) {
    case 0:
      pid = 0;
      break;
    case 1:
      pid = static_cast<int>(random_.Below(300));
      break;
    case 2:
      pid = -static_cast<int>(random_.Below(300));
      break;
    case 3:
      pid = static_cast<int>(Anything());
      break;
    case 4:
      pid = gettid();
      break;
    case 5:
      pid = pids_.pids[random_.Below(Pids::kMax)];
      break;
    default:
      pid = getpid();
      break;
  }
  // Nothing is done to the supervisor that a program in its place could not bear.
  return static_cast<uint64_t>(static_cast<int64_t>(pid == 1 ? 2 : pid));
}

uint64_t Arguments::Signal() {
  if (random_.Once(10)) return Anything();
  static constexpr int kHarmless[] = {0,       SIGUSR1, SIGUSR2, SIGCHLD, SIGURG, SIGWINCH,
                                      SIGCONT, SIGALRM, SIGPIPE, 34,      40,     64};
  return random_.Once(4) ? 1 + random_.Below(64) : One(kHarmless);
}

uint64_t Arguments::Time() {
  if (random_.Once(16)) return BadMemory();
  if (random_.Once(16)) return 0;
  auto* values = static_cast<int64_t*>(Scratch(4 * sizeof(int64_t)));
  for (int i = 0; i < 4; i += 2) {
    values[i] = random_.Once(16) ? static_cast<int64_t>(Anything()) : 0;
    values[i + 1] =
        random_.Once(16) ? static_cast<int64_t>(Anything()) : static_cast<int64_t>(random_.Below(5'000'000));
  }
  return reinterpret_cast<uintptr_t>(values);
}

uint64_t Arguments::Mask() {
  if (random_.Once(16)) return BadMemory();
  auto* mask = static_cast<uint64_t*>(Scratch(sizeof(uint64_t)));
  // SIGUSR1, the supervisor's nudge, is mostly left alone.
  *mask =
      (random_.Once(2) ? Flags() : random_.Next()) & ~(random_.Once(8) ? uint64_t{0} : uint64_t{1} << (SIGUSR1 - 1));
  return reinterpret_cast<uintptr_t>(mask);
}

uint64_t Arguments::CloneFlags() {
  if (random_.Once(8)) return Anything();
  static constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  uint64_t flags = One({uint64_t{SIGCHLD}, uint64_t{SIGCHLD}, kThread, uint64_t{CLONE_VM | SIGCHLD}, uint64_t{0},
                        uint64_t{CLONE_VM | CLONE_VFORK | SIGCHLD}, uint64_t{CLONE_FILES | SIGCHLD}});
  while (random_.Once(3)) flags |= uint64_t{1} << (8 + random_.Below(24));
  return flags;
}

uint64_t Arguments::Make(char letter) {
  if (random_.Once(64)) return Anything();
  switch (letter) {
    case '0':
      return 0;
    case 'i':
      return random_.Once(12) ? Anything() : random_.Below(10);
    case 'x':
      return Flags();
    case 's':
      return Size();
    case 'f':
      return Descriptor();
    case 'D':
      return random_.Once(3) ? Descriptor() : static_cast<uint64_t>(int64_t{AT_FDCWD});
    case 'o':
      return random_.Once(8) ? Anything() : random_.Below(1 << 16) & ~(random_.Once(2) ? 0xfffUL : 0);
    case 'j':
      return random_.Once(2) ? 0 : Memory();
    case 'b':
      return random_.Once(10) ? 0 : Memory();
    case 'P':
      return Path();
    case 'X':
      return Name();
    case '=':
      return Strings();
    case 'v':
      return Vector();
    case 'n':
      return random_.Once(16) ? Anything() : random_.Below(8);
    case 'A':
      return Page();
    case 'N':
      return Length();
    case 'r':
      return random_.Once(12) ? Anything() : random_.Below(8);
    case 'M':
      return One({MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS}) |
             (random_.Once(2)   ? uint64_t{MAP_FIXED}
              : random_.Once(3) ? Flags()
                                : 0);
    case 'V':
      return random_.Once(8) ? Anything() : random_.Below(26);
    case 'O':
      return random_.Below(3) | (random_.Once(2) ? uint64_t{O_CREAT} : 0) |
             (random_.Once(2) ? One({O_NONBLOCK, O_CLOEXEC, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_EXCL, O_PATH,
                                     O_TMPFILE, O_SYNC, O_DIRECT, O_NOATIME, O_NOCTTY})
                              : 0);
    case '@':
      return random_.Once(2) ? 0
                             : One({AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_EACCESS, AT_REMOVEDIR});
    case 'm':
      return random_.Below(01000) |
             (random_.Once(4) ? One({S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFDIR, S_ISUID}) : 0);
    case 'q':
      return random_.Below(6);
    case 'I':
      return random_.Once(8) ? Anything()
                             : One<uint64_t>({TCGETS,    TCSETS,    TIOCGWINSZ, TIOCSWINSZ,  TIOCGPTN, TIOCSPTLCK,
                                              FIONREAD,  FIONBIO,   FIOCLEX,    FIONCLEX,    FIOASYNC, TIOCSCTTY,
                                              TIOCNOTTY, TIOCGPGRP, TIOCSPGRP,  TIOCSTI,     TCFLSH,   TCSBRK,
                                              TIOCOUTQ,  TIOCPKT,   TIOCGSID,   TIOCGPTPEER, TCXONC,   TIOCSETD});
    case 'c':
      return random_.Once(8) ? 1024 + random_.Below(16) : random_.Once(8) ? 36 + random_.Below(3) : random_.Below(17);
    case 'p':
      return Process();
    case 'u':
      return random_.Once(3) ? Anything() : One({0, 0, 1000, 65534, -1});
    case 'g':
      return Signal();
    case 'S':
      return Mask();
    case 'z':
      return random_.Once(16) ? Anything() : 8;
    case 'B':
      return SignalAction();
    case 't':
      return Time();
    case 'C':
      return random_.Once(8) ? Anything() : random_.Below(12);
    case '#':
      return random_.Below(6);
    case 'R':
      return random_.Below(17);
    case 'K':
      return random_.Once(8) ? Anything() : random_.Once(8) ? One({PR_SET_VMA, PR_SET_PTRACER}) : random_.Below(70);
    case 'w':
      return random_.Once(8) ? Flags()
                             : One({WNOHANG, WNOHANG | WUNTRACED, WNOHANG | WEXITED, WEXITED, WNOWAIT | WEXITED});
    case 'T':
      return random_.Below(5);
    case 'k':
      return CloneFlags();
    case 'W':
      return reinterpret_cast<uintptr_t>(arena_.play) + random_.Below(4) * (random_.Once(8) ? 3 : 4);
    case 'Q':
      return random_.Once(8) ? Anything() : random_.Below(14) | (random_.Once(2) ? uint64_t{FUTEX_PRIVATE_FLAG} : 0);
    case 'F':
      return PollFds();
    case 'U':
      return random_.Once(3) ? 0 : Memory();
    case 'e':
      return random_.Below(5);
    case 'E':
      return Memory();
    case 'd':
      return random_.Once(6) ? random_.Below(46) : AF_UNIX;
    case 'y':
      return (random_.Once(10) ? random_.Below(12) : One({1, 2, 5})) |
             (random_.Once(3) ? One({SOCK_NONBLOCK, SOCK_CLOEXEC}) : 0);
    case 'h':
      return random_.Once(6) ? random_.Below(300) : SOL_SOCKET;
    case 'H':
      return random_.Below(80);
    case 'a':
      return SocketAddress();
    case 'l':
      return random_.Once(6) ? random_.Below(200) : random_.Once(2) ? sizeof(sockaddr_un) : 5;
    case 'L': {
      if (random_.Once(8)) return 0;
      auto* length = static_cast<uint32_t*>(Scratch(sizeof(uint32_t)));
      *length = static_cast<uint32_t>(random_.Once(16) ? Anything() : random_.Below(200));
      return reinterpret_cast<uintptr_t>(length);
    }
    case 'G':
      return MessageHeader();
    default:
      return Anything();
  }
}

}  // namespace fuzz
