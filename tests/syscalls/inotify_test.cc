// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

namespace tests {
namespace {

struct Event {
  int watch;
  uint32_t mask;
  std::string name;
  uint32_t cookie = 0;
  friend bool operator==(const Event& one, const Event& other) {
    return one.watch == other.watch && one.mask == other.mask && one.name == other.name;
  }
  friend void PrintTo(const Event& event, std::ostream* out) {
    *out << "{wd " << event.watch << ", 0x" << std::hex << event.mask << std::dec << ", \"" << event.name << "\"}";
  }
};

UniqueFd NewInotify(int flags = IN_NONBLOCK) {
  UniqueFd fd(inotify_init1(flags));
  EXPECT_TRUE(fd.ok());
  return fd;
}

std::vector<Event> ReadAll(const UniqueFd& fd) {
  std::vector<Event> events;
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    ssize_t size = read(fd.get(), buffer, sizeof(buffer));
    if (size <= 0) return events;
    for (char* at = buffer; at < buffer + size;) {
      auto* event = reinterpret_cast<inotify_event*>(at);
      events.push_back({event->wd, event->mask, event->len > 0 ? event->name : "", event->cookie});
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void Touch(const std::string& path) { UniqueFd(open(path.c_str(), O_CREAT | O_WRONLY, 0644)); }

using Events = std::vector<Event>;

TEST(InotifyTest, DirectoriesTellWhatHappensToNames) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), directory.c_str(), IN_CREATE | IN_DELETE | IN_MOVE);
  ASSERT_GT(wd, 0);
  Touch(directory.path() + "/file");
  ASSERT_THAT(mkdir((directory.path() + "/sub").c_str(), 0755), SyscallSucceeds());
  ASSERT_THAT(symlink("x", (directory.path() + "/link").c_str()), SyscallSucceeds());
  ASSERT_THAT(link((directory.path() + "/file").c_str(), (directory.path() + "/hard").c_str()), SyscallSucceeds());
  ASSERT_THAT(mkfifo((directory.path() + "/fifo").c_str(), 0600), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_CREATE, "file"},
                                 {wd, IN_CREATE | IN_ISDIR, "sub"},
                                 {wd, IN_CREATE, "link"},
                                 {wd, IN_CREATE, "hard"},
                                 {wd, IN_CREATE, "fifo"}}));
  ASSERT_THAT(unlink((directory.path() + "/hard").c_str()), SyscallSucceeds());
  ASSERT_THAT(rmdir((directory.path() + "/sub").c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_DELETE, "hard"}, {wd, IN_DELETE | IN_ISDIR, "sub"}}));
}

TEST(InotifyTest, RenamesComeInPairsWithACookie) {
  TempPath directory = TempPath::Directory();
  TempPath elsewhere = TempPath::Directory();
  Touch(directory.path() + "/a");
  UniqueFd fd = NewInotify();
  int from = inotify_add_watch(fd.get(), directory.c_str(), IN_MOVE);
  int to = inotify_add_watch(fd.get(), elsewhere.c_str(), IN_MOVE);
  int self = inotify_add_watch(fd.get(), (directory.path() + "/a").c_str(), IN_MOVE_SELF);
  ASSERT_THAT(rename((directory.path() + "/a").c_str(), (elsewhere.path() + "/b").c_str()), SyscallSucceeds());
  Events events = ReadAll(fd);
  EXPECT_EQ(events, (Events{{from, IN_MOVED_FROM, "a"}, {to, IN_MOVED_TO, "b"}, {self, IN_MOVE_SELF, ""}}));
  EXPECT_NE(events[0].cookie, 0u);
  EXPECT_EQ(events[0].cookie, events[1].cookie);
  ASSERT_THAT(rename((elsewhere.path() + "/b").c_str(), (elsewhere.path() + "/c").c_str()), SyscallSucceeds());
  Events again = ReadAll(fd);
  ASSERT_EQ(again.size(), 3u);
  EXPECT_NE(again[0].cookie, events[0].cookie);
}

TEST(InotifyTest, FilesTellOpenReadWriteAndClose) {
  TempPath directory = TempPath::Directory();
  std::string path = directory.path() + "/file";
  Touch(path);
  UniqueFd fd = NewInotify();
  int parent = inotify_add_watch(fd.get(), directory.c_str(), IN_MODIFY | IN_OPEN);
  int wd = inotify_add_watch(fd.get(), path.c_str(), IN_ALL_EVENTS);
  {
    UniqueFd file = Open(path, O_RDWR);
    ASSERT_THAT(write(file.get(), "text", 4), SyscallSucceedsWithValue(4));
    char byte;
    ASSERT_THAT(pread(file.get(), &byte, 1, 0), SyscallSucceedsWithValue(1));
    ASSERT_THAT(pread(file.get(), &byte, 1, 100), SyscallSucceedsWithValue(0));
  }
  { UniqueFd file = Open(path, O_RDONLY); }
  EXPECT_EQ(ReadAll(fd), (Events{{parent, IN_OPEN, "file"},
                                 {wd, IN_OPEN, ""},
                                 {parent, IN_MODIFY, "file"},
                                 {wd, IN_MODIFY, ""},
                                 {wd, IN_ACCESS, ""},
                                 {wd, IN_CLOSE_WRITE, ""},
                                 {parent, IN_OPEN, "file"},
                                 {wd, IN_OPEN, ""},
                                 {wd, IN_CLOSE_NOWRITE, ""}}));
}

TEST(InotifyTest, AttributesAndSizeAreTold) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB | IN_MODIFY);
  ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  ASSERT_THAT(truncate(file.c_str(), 2), SyscallSucceeds());
  ASSERT_THAT(chown(file.c_str(), 1, 1), SyscallSucceeds());
  ASSERT_THAT(truncate(file.c_str(), 1), SyscallSucceeds());
  ASSERT_THAT(utimensat(AT_FDCWD, file.c_str(), nullptr, 0), SyscallSucceeds());
  EXPECT_EQ(
      ReadAll(fd),
      (Events{
          {wd, IN_ATTRIB, ""}, {wd, IN_MODIFY, ""}, {wd, IN_ATTRIB, ""}, {wd, IN_MODIFY, ""}, {wd, IN_ATTRIB, ""}}));
}

TEST(InotifyTest, TheSameEventAgainIsOne) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB);
  for (int i = 0; i < 5; ++i) ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_ATTRIB, ""}}));
}

TEST(InotifyTest, TheEndOfAFileEndsItsWatch) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_DELETE_SELF);
  UniqueFd open_file = Open(file.path(), O_RDONLY);
  ASSERT_THAT(unlink(file.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), Events{});
  open_file.reset();
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_DELETE_SELF, ""}, {wd, IN_IGNORED, ""}}));
  EXPECT_THAT(inotify_rm_watch(fd.get(), wd), SyscallFailsWithErrno(EINVAL));
}

TEST(InotifyTest, AnotherLinkKeepsTheWatch) {
  TempPath file = TempPath::File("text");
  TempPath other = TempPath::Name();
  ASSERT_THAT(link(file.c_str(), other.c_str()), SyscallSucceeds());
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_DELETE_SELF | IN_ATTRIB);
  ASSERT_THAT(unlink(file.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_ATTRIB, ""}}));
  ASSERT_THAT(unlink(other.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_ATTRIB, ""}, {wd, IN_DELETE_SELF, ""}, {wd, IN_IGNORED, ""}}));
}

TEST(InotifyTest, ReplacedAndRemovedDirectoriesEndToo) {
  TempPath directory = TempPath::Directory();
  std::string old_file = directory.path() + "/old", new_file = directory.path() + "/new";
  Touch(old_file);
  Touch(new_file);
  UniqueFd fd = NewInotify();
  int parent = inotify_add_watch(fd.get(), directory.c_str(), IN_DELETE_SELF);
  int wd = inotify_add_watch(fd.get(), old_file.c_str(), IN_DELETE_SELF);
  ASSERT_THAT(rename(new_file.c_str(), old_file.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_DELETE_SELF, ""}, {wd, IN_IGNORED, ""}}));
  ASSERT_THAT(unlink(old_file.c_str()), SyscallSucceeds());
  ASSERT_THAT(rmdir(directory.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{parent, IN_DELETE_SELF, ""}, {parent, IN_IGNORED, ""}}));
}

TEST(InotifyTest, WatchesAreChangedAndRemoved) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB);
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_OPEN), SyscallSucceedsWithValue(wd));
  ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), Events{});
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB | IN_MASK_ADD), SyscallSucceedsWithValue(wd));
  { UniqueFd opened = Open(file.path(), O_RDONLY); }
  ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_OPEN, ""}, {wd, IN_ATTRIB, ""}}));
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB | IN_MASK_CREATE), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(inotify_rm_watch(fd.get(), wd), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_IGNORED, ""}}));
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB), SyscallSucceedsWithValue(wd + 1));
}

TEST(InotifyTest, OneshotEndsWithItsEvent) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = NewInotify();
  int wd = inotify_add_watch(fd.get(), file.c_str(), IN_ATTRIB | IN_ONESHOT);
  ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  ASSERT_THAT(chmod(file.c_str(), 0600), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_ATTRIB, ""}, {wd, IN_IGNORED, ""}}));
}

TEST(InotifyTest, UnlinkedChildrenCanBeLeftOut) {
  TempPath directory = TempPath::Directory();
  std::string path = directory.path() + "/file";
  Touch(path);
  UniqueFd all = NewInotify(), linked = NewInotify();
  int wd = inotify_add_watch(all.get(), directory.c_str(), IN_MODIFY);
  inotify_add_watch(linked.get(), directory.c_str(), IN_MODIFY | IN_EXCL_UNLINK);
  UniqueFd file = Open(path, O_WRONLY);
  ASSERT_THAT(unlink(path.c_str()), SyscallSucceeds());
  ASSERT_THAT(write(file.get(), "x", 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(ReadAll(all), (Events{{wd, IN_MODIFY, "file"}}));
  EXPECT_EQ(ReadAll(linked), Events{});
}

TEST(InotifyTest, PollAndFionreadTellWhatIsThere) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = NewInotify();
  inotify_add_watch(fd.get(), directory.c_str(), IN_CREATE);
  pollfd request{fd.get(), POLLIN, 0};
  EXPECT_THAT(poll(&request, 1, 0), SyscallSucceedsWithValue(0));
  Touch(directory.path() + "/0123456789abcdef");
  EXPECT_THAT(poll(&request, 1, -1), SyscallSucceedsWithValue(1));
  int bytes = 0;
  ASSERT_THAT(ioctl(fd.get(), FIONREAD, &bytes), SyscallSucceeds());
  EXPECT_EQ(bytes, 16 + 32);
  char small[16 + 31];
  EXPECT_THAT(read(fd.get(), small, sizeof(small)), SyscallFailsWithErrno(EINVAL));
  char whole[16 + 32];
  EXPECT_THAT(read(fd.get(), whole, sizeof(whole)), SyscallSucceedsWithValue(48));
  EXPECT_THAT(read(fd.get(), whole, sizeof(whole)), SyscallFailsWithErrno(EAGAIN));
}

TEST(InotifyTest, ReadsWaitForAnEvent) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = NewInotify(0);
  inotify_add_watch(fd.get(), directory.c_str(), IN_CREATE);
  Child child([&] {
    char event[256];
    CHILD_CHECK(read(fd.get(), event, sizeof(event)) > 0);
    return 0;
  });
  Touch(directory.path() + "/x");
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(InotifyTest, RefusesBadArguments) {
  TempPath file = TempPath::File("text");
  TempPath link_name = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link_name.c_str()), SyscallSucceeds());
  UniqueFd fd = NewInotify();
  UniqueFd other = Open(file.path(), O_RDONLY);
  EXPECT_THAT(inotify_init1(1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_add_watch(other.get(), file.c_str(), IN_OPEN), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_add_watch(-1, file.c_str(), IN_OPEN), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(inotify_add_watch(fd.get(), "/nonexistent", IN_OPEN), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(inotify_add_watch(fd.get(), file.c_str(), IN_OPEN | IN_ONLYDIR), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(RawSyscall(SYS_inotify_add_watch, fd.get(), BadPointer(), IN_OPEN), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(inotify_rm_watch(fd.get(), 77), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_rm_watch(other.get(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(inotify_rm_watch(-1, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(write(fd.get(), "x", 1), SyscallFailsWithErrno(EBADF));
  // The link itself.
  int wd = inotify_add_watch(fd.get(), link_name.c_str(), IN_DELETE_SELF | IN_DONT_FOLLOW);
  ASSERT_GT(wd, 0);
  ASSERT_THAT(unlink(link_name.c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadAll(fd), (Events{{wd, IN_DELETE_SELF, ""}, {wd, IN_IGNORED, ""}}));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(chmod(file.c_str(), 0200) == 0 && setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(inotify_add_watch(fd.get(), file.c_str(), IN_OPEN), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
