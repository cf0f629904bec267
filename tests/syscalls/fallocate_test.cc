// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

// The file system under /tmp and one in memory.
class FallocateTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    name_ = std::string(GetParam()) + "/runsc-fallocate-" + std::to_string(getpid());
    fd_ = UniqueFd(open(name_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    ASSERT_TRUE(fd_.ok());
  }
  void TearDown() override { unlink(name_.c_str()); }

  struct stat Status() {
    struct stat status {};
    EXPECT_THAT(fstat(fd_.get(), &status), SyscallSucceeds());
    return status;
  }

  std::string name_;
  UniqueFd fd_;
};

TEST_P(FallocateTest, GrowsTheFileAndTakesSpace) {
  ASSERT_THAT(write(fd_.get(), "text", 4), SyscallSucceedsWithValue(4));
  ASSERT_THAT(fallocate(fd_.get(), 0, 0, 65536), SyscallSucceeds());
  EXPECT_EQ(Status().st_size, 65536);
  EXPECT_GE(Status().st_blocks, 128);
  char bytes[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  EXPECT_THAT(pread(fd_.get(), bytes, 8, 0), SyscallSucceedsWithValue(8));
  EXPECT_EQ(std::string(bytes, 8), std::string("text\0\0\0\0", 8));
  // What is there stays.
  ASSERT_THAT(fallocate(fd_.get(), 0, 0, 10), SyscallSucceeds());
  EXPECT_EQ(Status().st_size, 65536);
}

TEST_P(FallocateTest, CanLeaveTheSize) {
  ASSERT_THAT(fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, 65536), SyscallSucceeds());
  EXPECT_EQ(Status().st_size, 0);
  EXPECT_GE(Status().st_blocks, 128);
}

TEST_P(FallocateTest, HolesReadAsZeroes) {
  ASSERT_THAT(write(fd_.get(), std::string(65536, 'x').data(), 65536), SyscallSucceedsWithValue(65536));
  ASSERT_THAT(fsync(fd_.get()), SyscallSucceeds());
  blkcnt_t before = Status().st_blocks;
  ASSERT_THAT(fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 16384), SyscallSucceeds());
  EXPECT_EQ(Status().st_size, 65536);
  EXPECT_LE(Status().st_blocks, before - 16);
  char byte = 'x';
  EXPECT_THAT(pread(fd_.get(), &byte, 1, 8192), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 0);
  EXPECT_THAT(pread(fd_.get(), &byte, 1, 24576), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'x');
  EXPECT_THAT(lseek(fd_.get(), 0, SEEK_HOLE), SyscallSucceedsWithValue(8192));
  EXPECT_THAT(lseek(fd_.get(), 8192, SEEK_DATA), SyscallSucceedsWithValue(24576));
}

TEST_P(FallocateTest, RefusesBadArguments) {
  EXPECT_THAT(fallocate(fd_.get(), 0, -1, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fallocate(fd_.get(), 0, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fallocate(fd_.get(), 0, 0, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fallocate(fd_.get(), 0, INT64_MAX, 2), SyscallFailsWithErrno(EFBIG));
  EXPECT_THAT(fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE, 0, 1), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(fallocate(fd_.get(), 0x4000, 0, 1), SyscallFailsWithErrno(EOPNOTSUPP));
  UniqueFd reader = Open(name_, O_RDONLY);
  EXPECT_THAT(fallocate(reader.get(), 0, 0, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fallocate(-1, 0, 0, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RunInChild([&] {
                signal(SIGXFSZ, SIG_IGN);
                rlimit limit{4096, 4096};
                CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
                CHILD_CHECK(fallocate(fd_.get(), 0, 0, 4096) == 0);
                CHILD_CHECK_ERRNO(fallocate(fd_.get(), 0, 0, 8192), EFBIG);
                signal(SIGXFSZ, SIG_DFL);
                fallocate(fd_.get(), 0, 0, 8192);
                return 0;
              }),
              KilledBy(SIGXFSZ));
}

INSTANTIATE_TEST_SUITE_P(Places, FallocateTest, testing::Values("/tmp", "/dev/shm"),
                         [](const auto& info) { return std::string(info.index == 0 ? "Tmp" : "Memory"); });

TEST(FallocateKindsTest, OnlyRegularFilesHaveSpace) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_THAT(fallocate(ends[1], 0, 0, 1), SyscallFailsWithErrno(ESPIPE));
  close(ends[0]);
  close(ends[1]);
  UniqueFd null = Open("/dev/null", O_RDWR);
  EXPECT_THAT(fallocate(null.get(), 0, 0, 1), SyscallFailsWithErrno(ENODEV));
}

}  // namespace
}  // namespace tests
