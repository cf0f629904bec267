// SPDX-License-Identifier: Apache-2.0
#include "vfs/pipe/pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"
#include "vfs/tmpfs/tmpfs.h"

namespace vfs {
namespace {

constexpr base::EventMask kIn = POLLIN | POLLRDNORM;
constexpr base::EventMask kOut = POLLOUT | POLLWRNORM;

class PipeTest : public testing::Test {
 protected:
  TestContext context_;
  PipePair pipe_ = MUST(CreatePipe(context_, 0));
};

class Counter : public base::Waiter {
 public:
  explicit Counter(base::EventMask mask) : Waiter(mask) {}
  void Notified(base::EventMask events) override {
    seen |= events;
    ++count;
  }
  base::EventMask seen = 0;
  int count = 0;
};

TEST_F(PipeTest, BytesComeOutInOrder) {
  EXPECT_EQ(*WriteText(context_, *pipe_.writer, "hello "), 6u);
  EXPECT_EQ(*WriteText(context_, *pipe_.writer, "world"), 5u);
  EXPECT_EQ(*ReadText(context_, *pipe_.reader, 8), "hello wo");
  EXPECT_EQ(*ReadText(context_, *pipe_.reader, 100), "rld");
  EXPECT_EQ(ErrorOf(ReadText(context_, *pipe_.reader, 1)), EAGAIN);
}

TEST_F(PipeTest, WrapsAroundItsRing) {
  std::string sent, received;
  for (int i = 0; i < 1000; ++i) {
    std::string text(static_cast<size_t>(i * 37 % 3000 + 1), static_cast<char>('a' + i % 26));
    ASSERT_EQ(*WriteText(context_, *pipe_.writer, text), text.size());
    sent += text;
    auto got = ReadText(context_, *pipe_.reader, static_cast<size_t>(i * 53 % 3000 + 1));
    if (got.ok()) received += *got;
    while (sent.size() - received.size() > 60000) received += *ReadText(context_, *pipe_.reader, 4096);
  }
  while (received.size() < sent.size()) received += *ReadText(context_, *pipe_.reader, 4096);
  EXPECT_EQ(received, sent);
}

TEST_F(PipeTest, UpToPipeBufIsWrittenAtOnceOrNotAtAll) {
  ASSERT_EQ(*WriteText(context_, *pipe_.writer, std::string(Pipe::kDefaultCapacity - 100, 'x')),
            Pipe::kDefaultCapacity - 100);
  EXPECT_EQ(ErrorOf(WriteText(context_, *pipe_.writer, std::string(101, 'y'))), EAGAIN);
  EXPECT_EQ(ErrorOf(WriteText(context_, *pipe_.writer, std::string(Pipe::kAtomic, 'y'))), EAGAIN);
  EXPECT_EQ(*WriteText(context_, *pipe_.writer, std::string(Pipe::kAtomic + 1, 'y')), 100u);
  EXPECT_EQ(ErrorOf(WriteText(context_, *pipe_.writer, "z")), EAGAIN);
  EXPECT_EQ(ErrorOf(WriteText(context_, *pipe_.writer, std::string(Pipe::kAtomic + 1, 'y'))), EAGAIN);
}

TEST_F(PipeTest, EndOfFileAndBrokenPipe) {
  EXPECT_EQ(pipe_.reader->Readiness(), 0u);
  EXPECT_EQ(pipe_.writer->Readiness(), kOut);
  WriteText(context_, *pipe_.writer, "x").value();
  EXPECT_EQ(pipe_.reader->Readiness(), kIn);
  pipe_.writer = nullptr;
  EXPECT_EQ(pipe_.reader->Readiness(), kIn | POLLHUP);
  EXPECT_EQ(*ReadText(context_, *pipe_.reader, 10), "x");
  EXPECT_EQ(*ReadText(context_, *pipe_.reader, 10), "");
  EXPECT_EQ(pipe_.reader->Readiness(), base::EventMask{POLLHUP});

  PipePair other = MUST(CreatePipe(context_, 0));
  other.reader = nullptr;
  EXPECT_EQ(other.writer->Readiness(), kOut | POLLERR);
  EXPECT_EQ(ErrorOf(WriteText(context_, *other.writer, "x")), EPIPE);
  EXPECT_EQ(*WriteText(context_, *other.writer, ""), 0u);
}

TEST_F(PipeTest, Notifies) {
  Counter readable(POLLIN), writable(POLLOUT);
  pipe_.reader->wait_queue()->Register(readable);
  pipe_.writer->wait_queue()->Register(writable);
  WriteText(context_, *pipe_.writer, "a").value();
  WriteText(context_, *pipe_.writer, "b").value();
  EXPECT_EQ(readable.count, 2);
  EXPECT_EQ(writable.count, 0);
  WriteText(context_, *pipe_.writer, std::string(Pipe::kDefaultCapacity, 'x')).value();
  EXPECT_EQ(pipe_.writer->Readiness(), 0u);
  ReadText(context_, *pipe_.reader, Pipe::kAtomic - 1).value();
  EXPECT_EQ(writable.count, 0);
  ReadText(context_, *pipe_.reader, 1).value();
  EXPECT_EQ(writable.count, 1);
  EXPECT_EQ(pipe_.writer->Readiness(), kOut);
  pipe_.reader->wait_queue()->Unregister(readable);
  pipe_.writer->wait_queue()->Unregister(writable);
}

TEST_F(PipeTest, Capacity) {
  auto set = [&](uint64_t size) { return pipe_.reader->Control(context_, F_SETPIPE_SZ, size); };
  EXPECT_EQ(*pipe_.writer->Control(context_, F_GETPIPE_SZ, 0), 65536u);
  EXPECT_EQ(*set(5000), 8192u);
  EXPECT_EQ(*set(0), 4096u);
  EXPECT_EQ(*WriteText(context_, *pipe_.writer, std::string(5000, 'x')), 4096u);
  EXPECT_EQ(*set(1 << 20), 1u << 20);
  EXPECT_EQ(*WriteText(context_, *pipe_.writer, std::string(100000, 'y')), 100000u);
  EXPECT_EQ(ErrorOf(set(65536)), EBUSY);
  context_.BecomeUser(1, 1);
  EXPECT_EQ(ErrorOf(set((1 << 20) + 1)), EPERM);
  EXPECT_EQ(*set(1 << 17), 1u << 17);
  EXPECT_EQ(ErrorOf(set(3u << 30)), EINVAL);
  std::string expected = std::string(4096, 'x') + std::string(100000, 'y');
  std::string got;
  while (got.size() < expected.size()) got += *ReadText(context_, *pipe_.reader, 10000);
  EXPECT_EQ(got, expected);
}

TEST_F(PipeTest, NamesAndFlags) {
  EXPECT_EQ(pipe_.reader->flags(), O_RDONLY);
  EXPECT_EQ(pipe_.writer->flags(), O_WRONLY);
  auto nonblocking = MUST(CreatePipe(context_, O_NONBLOCK));
  EXPECT_EQ(nonblocking.writer->flags(), O_WRONLY | O_NONBLOCK);
  auto status = MUST(pipe_.reader->Stat(context_));
  EXPECT_EQ(status.mode, S_IFIFO | 0600u);
  EXPECT_EQ(PathName(pipe_.reader->path(), {}).Shown(), "pipe:[" + std::to_string(status.inode) + "]");
  EXPECT_EQ(ErrorOf(CreatePipe(context_, O_DIRECT)), EINVAL);
  EXPECT_EQ(ErrorOf(pipe_.reader->Seek(context_, 0, SEEK_SET)), ESPIPE);
}

TEST_F(PipeTest, ConcurrentAtomicWritesDoNotMix) {
  constexpr int kWriters = 4, kRecords = 500;
  constexpr size_t kRecord = 1000;
  std::atomic<int> left{kWriters};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      TestContext context;
      std::string record(kRecord, static_cast<char>('A' + w));
      for (int i = 0; i < kRecords;) {
        auto written = WriteText(context, *pipe_.writer, record);
        if (written.ok()) {
          EXPECT_EQ(*written, kRecord);
          ++i;
        } else {
          EXPECT_EQ(written.error().code(), EAGAIN);
          std::this_thread::yield();
        }
      }
      --left;
    });
  }
  std::string all;
  while (all.size() < kWriters * kRecords * kRecord) {
    auto text = ReadText(context_, *pipe_.reader, 7777);
    if (text.ok()) all += *text;
  }
  for (auto& writer : writers) writer.join();
  for (size_t at = 0; at < all.size(); at += kRecord) {
    ASSERT_EQ(all.substr(at, kRecord), std::string(kRecord, all[at])) << "record at " << at;
  }
}

TEST_F(PipeTest, OpenedAgainItWaitsForNobody) {
  auto open = [&](const base::RefPtr<FileDescription>& end, int flags) {
    return end->path().dentry->inode()->Open(context_, end->path(), flags);
  };
  pipe_.writer = nullptr;
  auto reader = MUST(open(pipe_.reader, O_RDONLY));
  EXPECT_EQ(ErrorOf(reader->TryFinishOpen(context_)), 0);
  auto nonblocking = MUST(open(pipe_.reader, O_RDONLY | O_NONBLOCK));
  EXPECT_EQ(nonblocking->Readiness(), base::EventMask{POLLHUP});

  PipePair other = MUST(CreatePipe(context_, 0));
  other.reader = nullptr;
  auto writer = MUST(open(other.writer, O_WRONLY));
  EXPECT_EQ(ErrorOf(writer->TryFinishOpen(context_)), 0);
  EXPECT_EQ(ErrorOf(open(other.writer, O_WRONLY | O_NONBLOCK)), 0);
}

class FifoTest : public testing::Test {
 protected:
  FifoTest() { MUST(MakeNode(context_, at_, "f", S_IFIFO | 0666, 0, 0)); }
  base::Result<base::RefPtr<FileDescription>> OpenFifo(int flags) { return Open(context_, at_, "f", {.flags = flags}); }

  TestContext context_;
  base::RefPtr<MountNamespace> mounts_ =
      MountNamespace::Create(Mount::Create(Tmpfs::Create(context_, {}), kMountRelatime, "tmpfs"));
  StartPoint at_{mounts_->root(), mounts_->root()};
};

TEST_F(FifoTest, OpenersWaitForTheOtherSide) {
  auto reader = MUST(OpenFifo(O_RDONLY));
  EXPECT_EQ(ErrorOf(reader->TryFinishOpen(context_)), EAGAIN);
  Counter waiter(POLLIN);
  reader->wait_queue()->Register(waiter);
  auto writer = MUST(OpenFifo(O_WRONLY));
  EXPECT_EQ(waiter.count, 1);
  reader->wait_queue()->Unregister(waiter);
  EXPECT_EQ(ErrorOf(writer->TryFinishOpen(context_)), 0);
  // Even if the writer is gone before the reader looks.
  writer = nullptr;
  EXPECT_EQ(ErrorOf(reader->TryFinishOpen(context_)), 0);
  EXPECT_EQ(*ReadText(context_, *reader, 1), "");

  reader = nullptr;
  writer = MUST(OpenFifo(O_WRONLY));
  EXPECT_EQ(ErrorOf(writer->TryFinishOpen(context_)), EAGAIN);
  reader = MUST(OpenFifo(O_RDONLY));
  EXPECT_EQ(ErrorOf(writer->TryFinishOpen(context_)), 0);
  EXPECT_EQ(ErrorOf(reader->TryFinishOpen(context_)), 0);
}

TEST_F(FifoTest, NonblockingOpens) {
  EXPECT_EQ(ErrorOf(OpenFifo(O_WRONLY | O_NONBLOCK)), ENXIO);
  auto reader = MUST(OpenFifo(O_RDONLY | O_NONBLOCK));
  EXPECT_EQ(ErrorOf(reader->TryFinishOpen(context_)), 0);
  // No hang-up before a writer was there.
  EXPECT_EQ(reader->Readiness(), 0u);
  EXPECT_EQ(*ReadText(context_, *reader, 1), "");
  auto writer = MUST(OpenFifo(O_WRONLY | O_NONBLOCK));
  EXPECT_EQ(ErrorOf(writer->TryFinishOpen(context_)), 0);
  EXPECT_EQ(ErrorOf(ReadText(context_, *reader, 1)), EAGAIN);
  writer = nullptr;
  EXPECT_EQ(reader->Readiness(), base::EventMask{POLLHUP});
  writer = MUST(OpenFifo(O_WRONLY));
  EXPECT_EQ(reader->Readiness(), 0u);
}

TEST_F(FifoTest, BothWaysNeverWaitsAndBytesDieWithTheLastEnd) {
  auto both = MUST(OpenFifo(O_RDWR));
  EXPECT_EQ(ErrorOf(both->TryFinishOpen(context_)), 0);
  WriteText(context_, *both, "lost").value();
  auto reader = MUST(OpenFifo(O_RDONLY));
  EXPECT_EQ(*ReadText(context_, *reader, 2), "lo");
  both = nullptr;
  EXPECT_EQ(*ReadText(context_, *reader, 2), "st");
  both = MUST(OpenFifo(O_RDWR));
  WriteText(context_, *both, "lost").value();
  reader = both = nullptr;
  both = MUST(OpenFifo(O_RDWR));
  EXPECT_EQ(ErrorOf(ReadText(context_, *both, 4)), EAGAIN);
}

}  // namespace
}  // namespace vfs
