// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

namespace tests {
namespace {

constexpr key_t kKey = 0x5eed0003;
constexpr uid_t kNobody = 65534;

struct Message {
  long type;
  char text[8192];
};

// A queue of its own, removed at the end.
class Queue {
 public:
  explicit Queue(int mode = 0600, key_t key = IPC_PRIVATE) : id_(msgget(key, IPC_CREAT | mode)) {
    EXPECT_GE(id_, 0) << strerror(errno);
  }
  ~Queue() { msgctl(id_, IPC_RMID, nullptr); }
  int id() const { return id_; }
  int Send(long type, const std::string& text, int flags = IPC_NOWAIT) const {
    Message message;
    message.type = type;
    memcpy(message.text, text.data(), text.size());
    return msgsnd(id_, &message, text.size(), flags);
  }
  // "type:text", or the name of the error.
  std::string Receive(long type = 0, int flags = IPC_NOWAIT, size_t room = 8192) const {
    Message message;
    const ssize_t size = msgrcv(id_, &message, room, type, flags);
    if (size < 0) return strerrorname_np(errno);
    return std::to_string(message.type) + ":" + std::string(message.text, static_cast<size_t>(size));
  }
  msqid_ds Status() const {
    msqid_ds status = {};
    EXPECT_THAT(msgctl(id_, IPC_STAT, &status), SyscallSucceeds());
    return status;
  }

 private:
  const int id_;
};

TEST(MsggetTest, KeysNameQueues) {
  Queue queue(0640, kKey);
  EXPECT_THAT(msgget(kKey, 0), SyscallSucceedsWithValue(queue.id()));
  EXPECT_THAT(msgget(kKey, IPC_CREAT), SyscallSucceedsWithValue(queue.id()));
  EXPECT_THAT(msgget(kKey, IPC_CREAT | IPC_EXCL), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(msgget(kKey + 1, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setgid(kNobody) == 0 && setuid(kNobody) == 0);
                CHILD_CHECK_ERRNO(msgget(kKey, 0600), EACCES);
                CHILD_CHECK_ERRNO(queue.Send(1, "x"), EACCES);
                CHILD_CHECK(queue.Receive() == "EACCES");
                CHILD_CHECK_ERRNO(msgctl(queue.id(), IPC_RMID, nullptr), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(MsgrcvTest, ChoosesByType) {
  Queue queue;
  for (const auto& [type, text] : {std::pair(3L, "c"), std::pair(1L, "a"), std::pair(2L, "b"), std::pair(3L, "d")}) {
    ASSERT_THAT(queue.Send(type, text), SyscallSucceeds());
  }
  EXPECT_EQ(queue.Receive(9), "ENOMSG");
  EXPECT_EQ(queue.Receive(2, IPC_NOWAIT | MSG_COPY), "2:b");  // The third of the queue.
  EXPECT_EQ(queue.Receive(2), "2:b");
  EXPECT_EQ(queue.Receive(3, IPC_NOWAIT | MSG_EXCEPT), "1:a");
  EXPECT_EQ(queue.Receive(-2), "ENOMSG");
  EXPECT_EQ(queue.Receive(-3), "3:c");
  EXPECT_EQ(queue.Receive(0), "3:d");
  EXPECT_EQ(queue.Receive(0), "ENOMSG");
}

TEST(MsgrcvTest, LongMessagesAreCutOnRequest) {
  Queue queue;
  ASSERT_THAT(queue.Send(1, "long text"), SyscallSucceeds());
  EXPECT_EQ(queue.Receive(0, IPC_NOWAIT, 4), "E2BIG");
  EXPECT_EQ(queue.Receive(0, IPC_NOWAIT | MSG_NOERROR, 4), "1:long");
  EXPECT_EQ(queue.Receive(), "ENOMSG");
}

TEST(MsgrcvTest, WaitsForAMessage) {
  Queue queue;
  Child child([&] {
    CHILD_CHECK(queue.Receive(5, 0) == "5:yes");
    CHILD_CHECK(queue.Send(6, "seen") == 0);
    return 0;
  });
  ASSERT_THAT(queue.Send(4, "no"), SyscallSucceeds());
  ASSERT_THAT(queue.Send(5, "yes"), SyscallSucceeds());
  EXPECT_EQ(queue.Receive(6, 0), "6:seen");
  const pid_t pid = child.pid();
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(queue.Status().msg_lspid, pid);
  EXPECT_EQ(queue.Status().msg_lrpid, getpid());
}

TEST(MsgsndTest, WaitsForRoom) {
  Queue queue;
  const std::string half(8192, 'x');
  ASSERT_THAT(queue.Send(1, half), SyscallSucceeds());
  ASSERT_THAT(queue.Send(1, half), SyscallSucceeds());
  EXPECT_THAT(queue.Send(1, "x"), SyscallFailsWithErrno(EAGAIN));
  EXPECT_EQ(queue.Status().msg_qnum, 2u);
  EXPECT_EQ(queue.Status().__msg_cbytes, 16384u);
  Child child([&] { return queue.Send(2, "late", 0) == 0 ? 0 : 1; });
  EXPECT_EQ(queue.Receive(1), "1:" + half);
  EXPECT_EQ(queue.Receive(2, 0), "2:late");
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(MsgsndTest, BadArgumentsFail) {
  Queue queue;
  EXPECT_THAT(queue.Send(0, "x"), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(queue.Send(-1, "x"), SyscallFailsWithErrno(EINVAL));
  Message message = {};
  message.type = 1;
  EXPECT_THAT(RawSyscall(SYS_msgsnd, queue.id(), &message, 8193, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgsnd, queue.id(), &message, -1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgsnd, -1, &message, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgsnd, queue.id(), BadPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_msgrcv, queue.id(), &message, -1, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgrcv, -1, &message, 1, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgrcv, queue.id(), &message, 1, 0, MSG_COPY), SyscallFailsWithErrno(EINVAL));
  ASSERT_THAT(queue.Send(1, "x"), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_msgrcv, queue.id(), BadPointer(), 1, 0, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(MsgctlTest, RemovalEndsTheWait) {
  Queue queue;
  Child child([&] {
    CHILD_CHECK(queue.Send(1, "ready") == 0);
    CHILD_CHECK(queue.Receive(2, 0) == "EIDRM" || errno == EINVAL);
    return 0;
  });
  EXPECT_EQ(queue.Receive(1, 0), "1:ready");
  EXPECT_THAT(msgctl(queue.id(), IPC_RMID, nullptr), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(queue.Send(1, "x"), SyscallFailsWithErrno(EINVAL));
}

TEST(MsgctlTest, SignalEndsTheWaitWhateverTheHandlerSays) {
  Queue queue;
  EXPECT_THAT(RunInChild([&] {
                struct sigaction action = {};
                action.sa_handler = [](int) {};
                action.sa_flags = SA_RESTART;
                CHILD_CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
                ualarm(10'000, 10'000);
                CHILD_CHECK(queue.Receive(1, 0) == "EINTR");
                return 0;
              }),
              ExitedWith(0));
}

TEST(MsgctlTest, StatusAndSet) {
  Queue queue(0600, kKey);
  msqid_ds status = queue.Status();
  EXPECT_EQ(status.msg_qbytes, 16384u);
  EXPECT_EQ(status.msg_perm.__key, kKey);
  EXPECT_EQ(status.msg_stime, 0);
  status.msg_qbytes = 10;
  status.msg_perm.mode = 0644;
  EXPECT_THAT(msgctl(queue.id(), IPC_SET, &status), SyscallSucceeds());
  EXPECT_EQ(queue.Status().msg_perm.mode, 0644);
  EXPECT_THAT(queue.Send(1, "eleven byte"), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(queue.Send(1, "ten bytes!"), SyscallSucceeds());
  EXPECT_NE(queue.Status().msg_stime, 0);
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(setuid(kNobody) == 0);
                Queue own;
                msqid_ds more = own.Status();
                more.msg_qbytes = 20000;
                CHILD_CHECK_ERRNO(msgctl(own.id(), IPC_SET, &more), EPERM);
                return 0;
              }),
              ExitedWith(0));
  msginfo info = {};
  EXPECT_THAT(msgctl(0, IPC_INFO, reinterpret_cast<msqid_ds*>(&info)), SyscallSucceeds());
  EXPECT_EQ(info.msgmax, 8192);
  EXPECT_EQ(info.msgmni, 32000);
  const int highest = msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&info));
  ASSERT_GE(highest, 0);
  EXPECT_GE(info.msgpool, 1);
  bool found = false;
  for (int index = 0; index <= highest; ++index) found |= msgctl(index, MSG_STAT, &status) == queue.id();
  EXPECT_TRUE(found);
  EXPECT_THAT(msgctl(queue.id(), 99, &status), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(msgctl(-1, IPC_STAT, &status), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msgctl, queue.id(), IPC_STAT, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_msgctl, queue.id(), IPC_SET, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
