// SPDX-License-Identifier: Apache-2.0
#include "vfs/eventfd/eventfd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cstring>

#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"

namespace vfs {
namespace {

base::Result<size_t> Put(Context& context, FileDescription& file, uint64_t value) {
  return WriteText(context, file, {reinterpret_cast<const char*>(&value), sizeof(value)});
}

base::Result<uint64_t> Get(Context& context, FileDescription& file) {
  std::string text = TRY(ReadText(context, file, 8));
  uint64_t value = 0;
  memcpy(&value, text.data(), sizeof(value));
  return value;
}

TEST(EventFdTest, CountsAndEmpties) {
  TestContext context;
  auto file = CreateEventFd(context, 3, 0, false);
  EXPECT_EQ(file->flags(), O_RDWR);
  EXPECT_EQ(file->Readiness(), base::EventMask{POLLIN | POLLOUT});
  EXPECT_EQ(*Put(context, *file, 4), 8u);
  EXPECT_EQ(*Get(context, *file), 7u);
  EXPECT_EQ(file->Readiness(), base::EventMask{POLLOUT});
  EXPECT_EQ(ErrorOf(Get(context, *file)), EAGAIN);
  EXPECT_EQ(*Put(context, *file, 0), 8u);
  EXPECT_EQ(ErrorOf(Get(context, *file)), EAGAIN);
}

TEST(EventFdTest, SemaphoreGivesOne) {
  TestContext context;
  auto file = CreateEventFd(context, 2, O_NONBLOCK, true);
  EXPECT_EQ(file->flags(), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(*Get(context, *file), 1u);
  EXPECT_EQ(*Get(context, *file), 1u);
  EXPECT_EQ(ErrorOf(Get(context, *file)), EAGAIN);
}

TEST(EventFdTest, LimitsAndSizes) {
  TestContext context;
  auto file = CreateEventFd(context, 0, 0, false);
  EXPECT_EQ(ErrorOf(Put(context, *file, UINT64_MAX)), EINVAL);
  EXPECT_EQ(*Put(context, *file, UINT64_MAX - 1), 8u);
  EXPECT_EQ(file->Readiness(), base::EventMask{POLLIN});
  EXPECT_EQ(ErrorOf(WriteText(context, *file, "short")), EINVAL);
  EXPECT_EQ(ErrorOf(ReadText(context, *file, 7)), EINVAL);
  EXPECT_EQ(ReadText(context, *file, 9).value().size(), 8u);
}

TEST(EventFdTest, AWriteThatHasToWaitIsReadAgain) {
  TestContext context;
  auto file = CreateEventFd(context, 5, 0, false);
  uint64_t value = UINT64_MAX - 5;
  BufferSequence from(std::as_writable_bytes(std::span(&value, 1)));
  EXPECT_EQ(ErrorOf(file->TryWrite(context, from)), EAGAIN);
  EXPECT_EQ(from.remaining(), 8u);
  EXPECT_EQ(*Get(context, *file), 5u);
  EXPECT_EQ(file->TryWrite(context, from).value(), 8u);
  EXPECT_EQ(*Get(context, *file), UINT64_MAX - 5);
}

}  // namespace
}  // namespace vfs
