// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

int OpenAt2(int directory, const std::string& path, uint64_t flags, uint64_t resolve = 0, uint64_t mode = 0) {
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return static_cast<int>(RawSyscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how)));
}

// dir/{file, sub/, up -> .., absolute -> /tmp, inside -> file}
class Openat2Test : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = directory_.path();
    UniqueFd(open((path + "/file").c_str(), O_CREAT | O_WRONLY, 0644));
    ASSERT_EQ(mkdir((path + "/sub").c_str(), 0755), 0);
    ASSERT_EQ(symlink("..", (path + "/up").c_str()), 0);
    ASSERT_EQ(symlink("/file", (path + "/absolute").c_str()), 0);
    ASSERT_EQ(symlink("file", (path + "/inside").c_str()), 0);
    fd_ = Open(path, O_PATH | O_DIRECTORY);
  }
  // Opens and closes: 0 or -1.
  int Try(const std::string& path, uint64_t resolve, uint64_t flags = O_RDONLY) {
    int fd = OpenAt2(fd_.get(), path, flags, resolve);
    if (fd < 0) return -1;
    close(fd);
    return 0;
  }

  TempPath directory_ = TempPath::Directory();
  UniqueFd fd_;
};

TEST_F(Openat2Test, OpensAsOpenatDoes) {
  EXPECT_THAT(Try("file", 0), SyscallSucceeds());
  EXPECT_THAT(Try("up", 0), SyscallSucceeds());
  int made = OpenAt2(fd_.get(), "new", O_CREAT | O_EXCL | O_RDWR, 0, 0600);
  EXPECT_THAT(made, SyscallSucceeds());
  close(made);
  EXPECT_THAT(OpenAt2(fd_.get(), "new", O_CREAT | O_EXCL | O_RDWR, 0, 0600), SyscallFailsWithErrno(EEXIST));
}

TEST_F(Openat2Test, BeneathStaysBeneath) {
  EXPECT_THAT(Try("file", RESOLVE_BENEATH), SyscallSucceeds());
  EXPECT_THAT(Try("sub/../file", RESOLVE_BENEATH), SyscallSucceeds());
  EXPECT_THAT(Try("inside", RESOLVE_BENEATH), SyscallSucceeds());
  EXPECT_THAT(Try("..", RESOLVE_BENEATH), SyscallFailsWithErrno(EXDEV));
  EXPECT_THAT(Try("sub/../../x", RESOLVE_BENEATH), SyscallFailsWithErrno(EXDEV));
  EXPECT_THAT(Try("/tmp", RESOLVE_BENEATH), SyscallFailsWithErrno(EXDEV));
  EXPECT_THAT(Try("up", RESOLVE_BENEATH), SyscallFailsWithErrno(EXDEV));
  EXPECT_THAT(Try("absolute", RESOLVE_BENEATH), SyscallFailsWithErrno(EXDEV));
}

TEST_F(Openat2Test, InRootTakesTheDirectoryForTheRoot) {
  EXPECT_THAT(Try("/file", RESOLVE_IN_ROOT), SyscallSucceeds());
  EXPECT_THAT(Try("absolute", RESOLVE_IN_ROOT), SyscallSucceeds());
  EXPECT_THAT(Try("../../file", RESOLVE_IN_ROOT), SyscallSucceeds());
  EXPECT_THAT(Try("up/file", RESOLVE_IN_ROOT), SyscallSucceeds());
  EXPECT_THAT(Try("/tmp", RESOLVE_IN_ROOT), SyscallFailsWithErrno(ENOENT));
}

TEST_F(Openat2Test, LinksCanBeRefused) {
  EXPECT_THAT(Try("inside", RESOLVE_NO_SYMLINKS), SyscallFailsWithErrno(ELOOP));
  EXPECT_THAT(Try("up/x", RESOLVE_NO_SYMLINKS), SyscallFailsWithErrno(ELOOP));
  EXPECT_THAT(Try("file", RESOLVE_NO_SYMLINKS), SyscallSucceeds());
  EXPECT_THAT(Try("inside", RESOLVE_NO_SYMLINKS, O_PATH | O_NOFOLLOW), SyscallSucceeds());
  EXPECT_THAT(Try("inside", RESOLVE_NO_MAGICLINKS), SyscallSucceeds());
  EXPECT_THAT(Try("/proc/self/exe", RESOLVE_NO_MAGICLINKS), SyscallFailsWithErrno(ELOOP));
  EXPECT_THAT(Try("/proc/self/exe", 0), SyscallSucceeds());
}

TEST_F(Openat2Test, MountsCanBeRefused) {
  UniqueFd root = Open("/", O_PATH);
  int fd = OpenAt2(root.get(), "proc/self", O_PATH, RESOLVE_NO_XDEV);
  EXPECT_THAT(fd, SyscallFailsWithErrno(EXDEV));
  EXPECT_THAT(Try("file", RESOLVE_NO_XDEV), SyscallSucceeds());
}

TEST_F(Openat2Test, RefusesBadArguments) {
  EXPECT_THAT(Try("file", 1 << 20), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Try("file", RESOLVE_BENEATH | RESOLVE_IN_ROOT), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Try("file", 0, uint64_t{1} << 40), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Try("file", 0, O_PATH | O_RDWR), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(OpenAt2(fd_.get(), "file", O_RDONLY, 0, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(OpenAt2(fd_.get(), "x", O_CREAT | O_RDWR, 0, 0200600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(OpenAt2(-1, "file", O_RDONLY), SyscallFailsWithErrno(EBADF));
  struct {
    open_how how;
    uint64_t more;
  } larger{};
  EXPECT_THAT(RawSyscall(SYS_openat2, fd_.get(), "file", &larger, sizeof(open_how) - 1), SyscallFailsWithErrno(EINVAL));
  int fd = static_cast<int>(RawSyscall(SYS_openat2, fd_.get(), "file", &larger, sizeof(larger)));
  EXPECT_THAT(fd, SyscallSucceeds());
  close(fd);
  larger.more = 1;
  EXPECT_THAT(RawSyscall(SYS_openat2, fd_.get(), "file", &larger, sizeof(larger)), SyscallFailsWithErrno(E2BIG));
  EXPECT_THAT(RawSyscall(SYS_openat2, fd_.get(), "file", BadPointer(), sizeof(open_how)),
              SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
