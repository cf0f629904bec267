// SPDX-License-Identifier: Apache-2.0
#include "vfs/epoll/epoll.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "vfs/eventfd/eventfd.h"
#include "vfs/pipe/pipe.h"
#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"

namespace vfs {
namespace {

class Counter : public base::Waiter {
 public:
  explicit Counter(base::WaitQueue& queue) : Waiter(POLLIN), queue_(queue) { queue.Register(*this); }
  ~Counter() override { queue_.Unregister(*this); }
  void Notified(base::EventMask) override { ++count; }
  int count = 0;

 private:
  base::WaitQueue& queue_;
};

class EpollTest : public testing::Test {
 protected:
  // "events:data" of each report.
  std::string Wait(size_t most = 10) { return Wait(*epoll_, most); }
  static std::string Wait(Epoll& epoll, size_t most) {
    std::vector<EpollEvent> events(most);
    events.resize(epoll.TryWait(events));
    std::string text;
    for (const EpollEvent& event : events) {
      text += (text.empty() ? "" : " ");
      if (event.events & EPOLLIN) text += 'i';
      if (event.events & EPOLLOUT) text += 'o';
      if (event.events & EPOLLHUP) text += 'h';
      if (event.events & EPOLLERR) text += 'e';
      text += std::to_string(event.data);
    }
    return text;
  }
  base::RefPtr<FileDescription> Event(uint64_t count = 0) { return CreateEventFd(context_, count, 0, false); }
  void Signal(FileDescription& file) {
    uint64_t one = 1;
    MUST(WriteText(context_, file, {reinterpret_cast<char*>(&one), sizeof(one)}));
  }
  void Drain(FileDescription& file) { MUST(ReadText(context_, file, 8)); }

  TestContext context_;
  base::RefPtr<Epoll> epoll_ = Epoll::Create(context_);
};

TEST_F(EpollTest, ControlErrors) {
  auto file = Event();
  EXPECT_EQ(ErrorOf(epoll_->Modify(*file, 3, {EPOLLIN, 1})), ENOENT);
  EXPECT_EQ(ErrorOf(epoll_->Remove(*file, 3)), ENOENT);
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 3, {EPOLLIN, 1})), 0);
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 3, {EPOLLIN, 1})), EEXIST);
  // The same description under another number is another item.
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 4, {EPOLLIN, 2})), 0);
  EXPECT_EQ(ErrorOf(epoll_->Remove(*file, 3)), 0);
  EXPECT_EQ(ErrorOf(epoll_->Remove(*file, 3)), ENOENT);
  EXPECT_EQ(ErrorOf(epoll_->Add(epoll_, 5, {EPOLLIN, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Modify(*epoll_, 5, {EPOLLIN, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Remove(*epoll_, 5)), EINVAL);
}

TEST_F(EpollTest, LevelTriggeredComesAgain) {
  auto file = Event();
  MUST(epoll_->Add(file, 3, {EPOLLIN, 7}));
  EXPECT_EQ(Wait(), "");
  Signal(*file);
  EXPECT_EQ(Wait(), "i7");
  EXPECT_EQ(Wait(), "i7");
  Drain(*file);
  EXPECT_EQ(Wait(), "");
  MUST(epoll_->Modify(*file, 3, {EPOLLOUT, 8}));
  EXPECT_EQ(Wait(), "o8");
  MUST(epoll_->Modify(*file, 3, {0, 8}));
  EXPECT_EQ(Wait(), "");
}

TEST_F(EpollTest, ReadyWhenAdded) {
  auto file = Event(1);
  MUST(epoll_->Add(file, 3, {EPOLLIN | EPOLLOUT | EPOLLET, 7}));
  EXPECT_EQ(Wait(), "io7");
  EXPECT_EQ(Wait(), "");
}

TEST_F(EpollTest, EdgeTriggeredComesOncePerEvent) {
  auto pipe = MUST(CreatePipe(context_, 0));
  MUST(epoll_->Add(pipe.reader, 3, {EPOLLIN | EPOLLET, 7}));
  EXPECT_EQ(Wait(), "");
  MUST(WriteText(context_, *pipe.writer, "a"));
  EXPECT_EQ(Wait(), "i7");
  EXPECT_EQ(Wait(), "");
  MUST(WriteText(context_, *pipe.writer, "b"));
  EXPECT_EQ(Wait(), "i7");
  EXPECT_EQ(Wait(), "");
  // Two events before anybody looks are one report.
  MUST(WriteText(context_, *pipe.writer, "c"));
  MUST(WriteText(context_, *pipe.writer, "d"));
  EXPECT_EQ(Wait(), "i7");
  EXPECT_EQ(Wait(), "");
  // Changing it arms it anew.
  MUST(epoll_->Modify(*pipe.reader, 3, {EPOLLIN | EPOLLET, 8}));
  EXPECT_EQ(Wait(), "i8");
  pipe.writer = nullptr;
  EXPECT_EQ(Wait(), "ih8");
  EXPECT_EQ(Wait(), "");
}

TEST_F(EpollTest, OneShotWaitsToBeArmed) {
  auto file = Event(1);
  MUST(epoll_->Add(file, 3, {EPOLLIN | EPOLLONESHOT, 7}));
  EXPECT_EQ(Wait(), "i7");
  Signal(*file);
  EXPECT_EQ(Wait(), "");
  MUST(epoll_->Modify(*file, 3, {EPOLLIN | EPOLLONESHOT, 8}));
  EXPECT_EQ(Wait(), "i8");
  EXPECT_EQ(Wait(), "");
}

TEST_F(EpollTest, ErrorsAndHangUpsAreAlwaysReported) {
  auto pipe = MUST(CreatePipe(context_, 0));
  MUST(epoll_->Add(pipe.reader, 3, {0, 1}));
  MUST(epoll_->Add(pipe.writer, 4, {0, 2}));
  EXPECT_EQ(Wait(), "");
  auto writer = pipe.writer;
  pipe.writer = writer = nullptr;
  EXPECT_EQ(Wait(), "h1");
}

TEST_F(EpollTest, ExclusiveRules) {
  auto file = Event(1);
  auto inner = Epoll::Create(context_);
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 3, {EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 3, {EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Add(inner, 4, {EPOLLIN | EPOLLEXCLUSIVE, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Add(file, 3, {EPOLLIN | EPOLLEXCLUSIVE, 1})), 0);
  EXPECT_EQ(Wait(), "i1");
  EXPECT_EQ(ErrorOf(epoll_->Modify(*file, 3, {EPOLLIN, 1})), EINVAL);
  EXPECT_EQ(ErrorOf(epoll_->Modify(*file, 3, {EPOLLIN | EPOLLEXCLUSIVE, 1})), EINVAL);
}

TEST_F(EpollTest, ManyReadyTakeTurns) {
  std::vector<base::RefPtr<FileDescription>> files;
  for (int i = 0; i < 5; ++i) {
    files.push_back(Event(1));
    MUST(epoll_->Add(files.back(), i, {EPOLLIN, static_cast<uint64_t>(i)}));
  }
  EXPECT_EQ(Wait(2), "i0 i1");
  EXPECT_EQ(Wait(2), "i2 i3");
  EXPECT_EQ(Wait(2), "i4 i0");
  EXPECT_EQ(Wait(10), "i1 i2 i3 i4 i0");
}

TEST_F(EpollTest, ClosedDescriptionsAreForgotten) {
  auto file = Event(1);
  auto copy = file;
  MUST(epoll_->Add(file, 3, {EPOLLIN, 7}));
  file = nullptr;
  EXPECT_EQ(Wait(), "i7");
  copy = nullptr;
  EXPECT_EQ(Wait(), "");
  EXPECT_EQ(epoll_->Details(), "");
}

TEST_F(EpollTest, ClosedInstancesLetGo) {
  auto file = Event(1);
  MUST(epoll_->Add(file, 3, {EPOLLIN, 7}));
  epoll_ = nullptr;
  EXPECT_TRUE(file->wait_queue()->empty());
  Signal(*file);
}

TEST_F(EpollTest, WaitersAreTold) {
  auto file = Event();
  Counter counter(*epoll_->wait_queue());
  MUST(epoll_->Add(file, 3, {EPOLLIN, 7}));
  EXPECT_EQ(counter.count, 0);
  Signal(*file);
  EXPECT_EQ(counter.count, 1);
  // Already a candidate: nothing new.
  Signal(*file);
  EXPECT_EQ(counter.count, 1);
  EXPECT_EQ(Wait(), "i7");
  Drain(*file);
  EXPECT_EQ(Wait(), "");
  Signal(*file);
  EXPECT_EQ(counter.count, 2);
}

TEST_F(EpollTest, Nested) {
  auto inner = Epoll::Create(context_);
  auto file = Event();
  MUST(inner->Add(file, 3, {EPOLLIN, 1}));
  MUST(epoll_->Add(inner, 4, {EPOLLIN, 2}));
  EXPECT_EQ(Wait(), "");
  Counter counter(*epoll_->wait_queue());
  Signal(*file);
  EXPECT_EQ(counter.count, 1);
  EXPECT_EQ(Wait(), "i2");
  EXPECT_EQ(Wait(*inner, 5), "i1");
  Drain(*file);
  EXPECT_EQ(Wait(), "");
  EXPECT_EQ(inner->Readiness(), 0u);
}

TEST_F(EpollTest, NestingHasLimits) {
  std::vector<base::RefPtr<Epoll>> chain{epoll_};
  for (int i = 0; i < Epoll::kMaxNesting; ++i) {
    chain.push_back(Epoll::Create(context_));
    EXPECT_EQ(ErrorOf(chain.back()->Add(chain[chain.size() - 2], 3, {EPOLLIN, 1})), 0) << i;
  }
  auto top = Epoll::Create(context_);
  EXPECT_EQ(ErrorOf(top->Add(chain.back(), 3, {EPOLLIN, 1})), ELOOP);
  auto bottom = Epoll::Create(context_);
  EXPECT_EQ(ErrorOf(epoll_->Add(bottom, 3, {EPOLLIN, 1})), ELOOP);
  // A circle.
  EXPECT_EQ(ErrorOf(chain[0]->Add(chain[2], 3, {EPOLLIN, 1})), ELOOP);
  auto one = Epoll::Create(context_), other = Epoll::Create(context_);
  EXPECT_EQ(ErrorOf(one->Add(other, 3, {EPOLLIN, 1})), 0);
  EXPECT_EQ(ErrorOf(other->Add(one, 3, {EPOLLIN, 1})), ELOOP);
}

TEST_F(EpollTest, ConcurrentUseAndCloses) {
  std::atomic<bool> stop{false};
  auto steady = Event();
  MUST(epoll_->Add(steady, 1, {EPOLLIN | EPOLLET, 1}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        auto file = Event(1);
        MUST(epoll_->Add(file, 10 + t, {EPOLLIN, 5}));
        Signal(*steady);
        if (i % 3 == 0) MUST(epoll_->Remove(*file, 10 + t));
        if (i % 3 == 1) MUST(epoll_->Modify(*file, 10 + t, {EPOLLIN | EPOLLONESHOT, 6}));
      }
    });
  }
  std::thread waiter([&] {
    std::vector<EpollEvent> events(4);
    while (!stop) epoll_->TryWait(events);
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  waiter.join();
  MUST(epoll_->Remove(*steady, 1));
  EXPECT_EQ(Wait(), "");
  EXPECT_EQ(epoll_->Details(), "");
}

}  // namespace
}  // namespace vfs
