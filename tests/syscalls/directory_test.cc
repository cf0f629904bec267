// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(MkdirTest, AppliesModeAndUmask) {
  TempPath name = TempPath::Name();
  const mode_t old = umask(022);
  EXPECT_THAT(mkdir(name.c_str(), 01777), SyscallSucceeds());
  umask(old);
  struct stat status = {};
  ASSERT_THAT(stat(name.c_str(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFDIR | 01755u);
}

TEST(MkdirTest, ExistingIsEexist) {
  TempPath directory = TempPath::Directory();
  TempPath file = TempPath::File("");
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink("/tmp/runsc-nowhere", link.c_str()), SyscallSucceeds());
  EXPECT_THAT(mkdir(directory.c_str(), 0700), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(mkdir((directory.path() + "/.").c_str(), 0700), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(mkdir(file.c_str(), 0700), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(mkdir(link.c_str(), 0700), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(mkdir("/", 0700), SyscallFailsWithErrno(EEXIST));
}

TEST(MkdirTest, BadPathsFail) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(mkdir((file / "x").c_str(), 0700), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(mkdir((file.path() + "-none/x").c_str(), 0700), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(mkdir("", 0700), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(mkdir(("/tmp/" + std::string(NAME_MAX + 1, 'd')).c_str(), 0700), SyscallFailsWithErrno(ENAMETOOLONG));
  EXPECT_THAT(RawSyscall(SYS_mkdir, BadPointer(), 0700), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(mkdirat(-1, "x", 0700), SyscallFailsWithErrno(EBADF));
}

TEST(MkdirTest, TrailingSlashIsAllowed) {
  TempPath name = TempPath::Name();
  EXPECT_THAT(mkdir((name.path() + "/").c_str(), 0700), SyscallSucceeds());
}

TEST(MkdirTest, WithoutWritePermissionIsEacces) {
  TempPath directory = TempPath::Directory(0755);
  const std::string inside = directory / "new";
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(mkdir(inside.c_str(), 0700), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(MkdirTest, SetgidParentPassesItsGroupOn) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(chown(directory.c_str(), 0, 1234), SyscallSucceeds());
  ASSERT_THAT(chmod(directory.c_str(), 02755), SyscallSucceeds());
  ASSERT_THAT(mkdir((directory / "sub").c_str(), 0755), SyscallSucceeds());
  struct stat status = {};
  ASSERT_THAT(stat((directory / "sub").c_str(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_gid, 1234u);
  EXPECT_EQ(status.st_mode & S_ISGID, static_cast<mode_t>(S_ISGID));
}

TEST(RmdirTest, RemovesOnlyEmptyDirectories) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(mkdir((directory / "sub").c_str(), 0700), SyscallSucceeds());
  EXPECT_THAT(rmdir(directory.c_str()), SyscallFailsWithErrno(ENOTEMPTY));
  EXPECT_THAT(rmdir((directory / "sub").c_str()), SyscallSucceeds());
  EXPECT_THAT(rmdir(directory.c_str()), SyscallSucceeds());
  EXPECT_THAT(rmdir(directory.c_str()), SyscallFailsWithErrno(ENOENT));
}

TEST(RmdirTest, BadTargetsFail) {
  TempPath file = TempPath::File("");
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(rmdir(file.c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(rmdir((directory.path() + "/.").c_str()), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(rmdir((directory.path() + "/..").c_str()), SyscallFailsWithErrno(ENOTEMPTY));
  EXPECT_THAT(rmdir("/"), SyscallFailsWithErrno(EBUSY));
  EXPECT_THAT(rmdir(""), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RawSyscall(SYS_rmdir, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(RmdirTest, LinkToADirectoryIsEnotdir) {
  TempPath directory = TempPath::Directory();
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(directory.c_str(), link.c_str()), SyscallSucceeds());
  EXPECT_THAT(rmdir(link.c_str()), SyscallFailsWithErrno(ENOTDIR));
}

TEST(ChdirTest, GetcwdFollows) {
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(
      RunInChild([&] {
        char buffer[PATH_MAX];
        CHILD_CHECK(chdir(directory.c_str()) == 0);
        CHILD_CHECK(RawSyscall(SYS_getcwd, buffer, sizeof(buffer)) == static_cast<long>(directory.path().size()) + 1);
        CHILD_CHECK(directory.path() == buffer);
        CHILD_CHECK(mkdir("sub", 0700) == 0 && chdir("sub") == 0 && chdir("..") == 0);
        CHILD_CHECK(getcwd(buffer, sizeof(buffer)) && directory.path() == buffer);
        CHILD_CHECK(chdir("/") == 0);
        CHILD_CHECK(RawSyscall(SYS_getcwd, buffer, sizeof(buffer)) == 2 && buffer[0] == '/');
        return 0;
      }),
      ExitedWith(0));
}

TEST(ChdirTest, BadPathsFail) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(chdir(file.c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(chdir((file.path() + "-none").c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(chdir(""), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RawSyscall(SYS_chdir, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(ChdirTest, WithoutSearchPermissionIsEacces) {
  TempPath directory = TempPath::Directory(0600);
  ASSERT_THAT(chown(directory.c_str(), 1000, 1000), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(chdir(directory.c_str()), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(GetcwdTest, ShortBufferIsErangeAndUnmappedEfault) {
  char buffer[1];
  EXPECT_THAT(RawSyscall(SYS_getcwd, buffer, 1), SyscallFailsWithErrno(ERANGE));
  EXPECT_THAT(RawSyscall(SYS_getcwd, buffer, 0), SyscallFailsWithErrno(ERANGE));
  EXPECT_THAT(RawSyscall(SYS_getcwd, BadPointer(), PATH_MAX), SyscallFailsWithErrno(EFAULT));
}

TEST(GetcwdTest, RemovedDirectoryIsEnoent) {
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(RunInChild([&] {
                char buffer[PATH_MAX];
                CHILD_CHECK(chdir(directory.c_str()) == 0 && rmdir(directory.c_str()) == 0);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_getcwd, buffer, sizeof(buffer)), ENOENT);
                CHILD_CHECK_ERRNO(open("new", O_CREAT | O_RDWR, 0600), ENOENT);
                return 0;
              }),
              ExitedWith(0));
}

TEST(FchdirTest, MovesToTheDescriptor) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = Open(directory.path(), O_PATH | O_DIRECTORY);
  EXPECT_THAT(RunInChild([&] {
                char buffer[PATH_MAX];
                CHILD_CHECK(fchdir(fd.get()) == 0);
                CHILD_CHECK(getcwd(buffer, sizeof(buffer)) && directory.path() == buffer);
                return 0;
              }),
              ExitedWith(0));
}

TEST(FchdirTest, BadDescriptorsFail) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(fchdir(-1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fchdir(fd.get()), SyscallFailsWithErrno(ENOTDIR));
}

struct Entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

// Reads the directory through buffers of this size; name -> d_type.
std::map<std::string, int> ListDirectory(int fd, size_t buffer_size) {
  std::map<std::string, int> found;
  std::vector<char> buffer(buffer_size);
  long count;
  while ((count = RawSyscall(SYS_getdents64, fd, buffer.data(), buffer.size())) > 0) {
    for (long at = 0; at < count;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer.data() + at);
      EXPECT_EQ(entry->length % 8, 0);
      EXPECT_TRUE(found.emplace(entry->name, entry->type).second) << entry->name << " was listed twice";
      at += entry->length;
    }
  }
  EXPECT_EQ(count, 0);
  return found;
}

TEST(GetdentsTest, ListsEveryEntryOnceWithItsType) {
  TempPath directory = TempPath::Directory();
  Open(directory / "file", O_CREAT | O_RDWR);
  ASSERT_THAT(mkdir((directory / "sub").c_str(), 0700), SyscallSucceeds());
  ASSERT_THAT(symlink("file", (directory / "link").c_str()), SyscallSucceeds());
  ASSERT_THAT(mkfifo((directory / "fifo").c_str(), 0600), SyscallSucceeds());
  UniqueFd fd = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  const std::map<std::string, int> expected = {{".", DT_DIR},   {"..", DT_DIR},   {"file", DT_REG},
                                               {"sub", DT_DIR}, {"link", DT_LNK}, {"fifo", DT_FIFO}};
  EXPECT_EQ(ListDirectory(fd.get(), 4096), expected);
}

TEST(GetdentsTest, SmallBuffersAndRewindSeeEverything) {
  TempPath directory = TempPath::Directory();
  for (int i = 0; i < 300; ++i) Open(directory / ("entry" + std::to_string(i)), O_CREAT | O_RDWR);
  UniqueFd fd = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(ListDirectory(fd.get(), 128).size(), 302u);
  EXPECT_TRUE(ListDirectory(fd.get(), 128).empty());
  ASSERT_THAT(lseek(fd.get(), 0, SEEK_SET), SyscallSucceedsWithValue(0));
  EXPECT_EQ(ListDirectory(fd.get(), 65536).size(), 302u);
}

TEST(GetdentsTest, InodesMatchStat) {
  TempPath directory = TempPath::Directory();
  Open(directory / "file", O_CREAT | O_RDWR);
  UniqueFd fd = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  char buffer[1024];
  const long count = RawSyscall(SYS_getdents64, fd.get(), buffer, sizeof(buffer));
  ASSERT_GT(count, 0);
  for (long at = 0; at < count;) {
    const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
    if (std::string(entry->name) == "file") {
      struct stat status = {};
      ASSERT_THAT(stat((directory / "file").c_str(), &status), SyscallSucceeds());
      EXPECT_EQ(entry->inode, status.st_ino);
    }
    at += entry->length;
  }
}

TEST(GetdentsTest, ErrorsOfBufferAndDescriptor) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  char buffer[1024];
  EXPECT_THAT(RawSyscall(SYS_getdents64, fd.get(), buffer, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getdents64, fd.get(), BadPointer(), 1024), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_getdents64, -1, buffer, sizeof(buffer)), SyscallFailsWithErrno(EBADF));
  TempPath file = TempPath::File("");
  UniqueFd regular = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_getdents64, regular.get(), buffer, sizeof(buffer)), SyscallFailsWithErrno(ENOTDIR));
}

TEST(GetdentsTest, RemovedDirectoryIsEnoent) {
  TempPath directory = TempPath::Directory();
  UniqueFd fd = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  ASSERT_THAT(rmdir(directory.c_str()), SyscallSucceeds());
  char buffer[1024];
  EXPECT_THAT(RawSyscall(SYS_getdents64, fd.get(), buffer, sizeof(buffer)), SyscallFailsWithErrno(ENOENT));
}

TEST(GetdentsTest, ClosingWhatIsListedSkipsNothing) {
  // As programs do that close all their descriptors: a batch is read, its descriptors are closed, the next is read.
  EXPECT_THAT(RunInChild([] {
                constexpr int kCount = 60;
                constexpr int kFirst = 100;
                for (int i = 0; i < kCount; ++i) CHILD_CHECK(dup2(0, kFirst + i) == kFirst + i);
                const int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
                CHILD_CHECK(directory >= 0);
                alignas(8) char buffer[280];
                int closed = 0;
                while (true) {
                  const long size = RawSyscall(SYS_getdents64, directory, buffer, sizeof(buffer));
                  CHILD_CHECK(size >= 0);
                  if (size == 0) break;
                  for (long at = 0; at < size;) {
                    const auto* entry = reinterpret_cast<dirent64*>(buffer + at);
                    const int fd = atoi(entry->d_name);
                    if (fd >= kFirst && close(fd) == 0) ++closed;
                    at += entry->d_reclen;
                  }
                }
                CHILD_CHECK(closed == kCount);
                return 0;
              }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
