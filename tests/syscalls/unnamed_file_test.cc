// SPDX-License-Identifier: Apache-2.0
// O_TMPFILE, and the ways to give an open file a name.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

class UnnamedFileTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    directory_ = std::string(GetParam()) + "/runsc-unnamed-" + std::to_string(getpid());
    ASSERT_THAT(mkdir(directory_.c_str(), 0755), SyscallSucceeds());
  }
  void TearDown() override { RemoveTree(directory_); }

  UniqueFd OpenUnnamed(int flags = O_RDWR, mode_t mode = 0640) {
    UniqueFd fd(open(directory_.c_str(), O_TMPFILE | flags, mode));
    EXPECT_TRUE(fd.ok());
    return fd;
  }
  std::string NewName() const { return directory_ + "/name"; }
  static std::string LinkOf(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

  std::string directory_;
};

TEST_P(UnnamedFileTest, IsAFileWithoutAName) {
  UniqueFd fd = OpenUnnamed();
  struct stat status;
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFREG | 0640u);
  EXPECT_EQ(status.st_nlink, 0u);
  ASSERT_THAT(write(fd.get(), "text", 4), SyscallSucceedsWithValue(4));
  char text[5] = {};
  EXPECT_THAT(pread(fd.get(), text, 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_STREQ(text, "text");
  EXPECT_THAT(rmdir(directory_.c_str()), SyscallSucceeds());
  ASSERT_THAT(mkdir(directory_.c_str(), 0755), SyscallSucceeds());
  char target[512];
  ssize_t size = readlink(LinkOf(fd).c_str(), target, sizeof(target));
  ASSERT_GT(size, 0);
  EXPECT_TRUE(std::string(target, size).ends_with(" (deleted)"));
}

TEST_P(UnnamedFileTest, GetsANameThroughProc) {
  UniqueFd fd = OpenUnnamed();
  ASSERT_THAT(write(fd.get(), "text", 4), SyscallSucceedsWithValue(4));
  ASSERT_THAT(linkat(AT_FDCWD, LinkOf(fd).c_str(), AT_FDCWD, NewName().c_str(), AT_SYMLINK_FOLLOW), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(NewName()), "text");
  struct stat status, named;
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  ASSERT_THAT(stat(NewName().c_str(), &named), SyscallSucceeds());
  EXPECT_EQ(status.st_ino, named.st_ino);
  EXPECT_EQ(status.st_nlink, 1u);
  EXPECT_THAT(linkat(AT_FDCWD, LinkOf(fd).c_str(), AT_FDCWD, NewName().c_str(), AT_SYMLINK_FOLLOW),
              SyscallFailsWithErrno(EEXIST));
}

TEST_P(UnnamedFileTest, GetsANameByDescriptor) {
  UniqueFd fd = OpenUnnamed(O_WRONLY);
  ASSERT_THAT(linkat(fd.get(), "", AT_FDCWD, NewName().c_str(), AT_EMPTY_PATH), SyscallSucceeds());
  EXPECT_THAT(access(NewName().c_str(), F_OK), SyscallSucceeds());
}

TEST_P(UnnamedFileTest, ExclusiveOnesNeverGetAName) {
  UniqueFd fd = OpenUnnamed(O_RDWR | O_EXCL);
  EXPECT_THAT(linkat(AT_FDCWD, LinkOf(fd).c_str(), AT_FDCWD, NewName().c_str(), AT_SYMLINK_FOLLOW),
              SyscallFailsWithErrno(ENOENT));
}

TEST_P(UnnamedFileTest, UnlinkedFilesDoNotComeBack) {
  UniqueFd fd(open(NewName().c_str(), O_CREAT | O_RDWR, 0600));
  ASSERT_TRUE(fd.ok());
  ASSERT_THAT(unlink(NewName().c_str()), SyscallSucceeds());
  EXPECT_THAT(linkat(AT_FDCWD, LinkOf(fd).c_str(), AT_FDCWD, NewName().c_str(), AT_SYMLINK_FOLLOW),
              SyscallFailsWithErrno(ENOENT));
}

TEST_P(UnnamedFileTest, RefusesBadArguments) {
  EXPECT_THAT(open(directory_.c_str(), O_TMPFILE | O_RDONLY, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(open(directory_.c_str(), O_TMPFILE | O_CREAT | O_RDWR, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(open((directory_ + "/none").c_str(), O_TMPFILE | O_RDWR, 0600), SyscallFailsWithErrno(ENOENT));
  UniqueFd file(open(NewName().c_str(), O_CREAT | O_RDWR, 0600));
  EXPECT_THAT(open(NewName().c_str(), O_TMPFILE | O_RDWR, 0600), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(open(directory_.c_str(), O_TMPFILE | O_RDWR, 0600), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

INSTANTIATE_TEST_SUITE_P(Places, UnnamedFileTest, testing::Values("/tmp", "/dev/shm"),
                         [](const auto& info) { return std::string(info.index == 0 ? "Tmp" : "Memory"); });

}  // namespace
}  // namespace tests
