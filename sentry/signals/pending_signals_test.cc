// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/pending_signals.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "sentry/signals/signal_handlers.h"

namespace sentry {
namespace {

constexpr base::abi::SignalSet kAll = ~base::abi::SignalSet{0};

base::abi::Siginfo Info(int signal, uint64_t value = 0) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = SI_QUEUE;
  info.kill.value = value;
  return info;
}

TEST(PendingSignalsTest, KeepsOneOfEachStandardSignal) {
  PendingSignals pending;
  EXPECT_TRUE(pending.Enqueue(Info(SIGUSR1, 1)));
  EXPECT_FALSE(pending.Enqueue(Info(SIGUSR1, 2)));
  base::abi::Siginfo info;
  ASSERT_TRUE(pending.Dequeue(kAll, &info));
  EXPECT_EQ(info.kill.value, 1u);
  EXPECT_EQ(pending.set(), 0u);
  EXPECT_FALSE(pending.Dequeue(kAll, &info));
}

TEST(PendingSignalsTest, QueuesRealTimeSignalsInOrder) {
  PendingSignals pending;
  EXPECT_TRUE(pending.Enqueue(Info(40, 1)));
  EXPECT_TRUE(pending.Enqueue(Info(35, 2)));
  EXPECT_TRUE(pending.Enqueue(Info(40, 3)));
  base::abi::Siginfo info;
  for (uint64_t value : {2, 1, 3}) {
    ASSERT_TRUE(pending.Dequeue(kAll, &info));
    EXPECT_EQ(info.kill.value, value);
  }
  EXPECT_EQ(pending.set(), 0u);
}

TEST(PendingSignalsTest, TakesSynchronousSignalsFirst) {
  PendingSignals pending;
  pending.Enqueue(Info(SIGHUP));
  pending.Enqueue(Info(SIGSYS));
  pending.Enqueue(Info(SIGSEGV));
  base::abi::Siginfo info;
  for (int signal : {SIGSEGV, SIGSYS, SIGHUP}) {
    ASSERT_TRUE(pending.Dequeue(kAll, &info));
    EXPECT_EQ(info.signo, signal);
  }
}

TEST(PendingSignalsTest, LeavesWhatIsNotAllowed) {
  PendingSignals pending;
  pending.Enqueue(Info(SIGHUP));
  base::abi::Siginfo info;
  EXPECT_FALSE(pending.Dequeue(base::Signal::Of(SIGINT).mask(), &info));
  EXPECT_EQ(pending.set(), base::Signal::Of(SIGHUP).mask());
}

TEST(PendingSignalsTest, DiscardsEveryInstance) {
  PendingSignals pending;
  pending.Enqueue(Info(40));
  pending.Enqueue(Info(40));
  pending.Enqueue(Info(41));
  pending.Discard(base::Signal::Of(40).mask());
  EXPECT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending.set(), base::Signal::Of(41).mask());
}

TEST(PendingSignalsTest, ASignalWithoutDetailsIsTakenAfterThoseWith) {
  PendingSignals pending;
  pending.Enqueue(Info(40, 7));
  pending.EnqueueWithoutDetails(41);
  base::abi::Siginfo info;
  ASSERT_TRUE(pending.Dequeue(kAll, &info));
  EXPECT_EQ(info.kill.value, 7u);
  ASSERT_TRUE(pending.Dequeue(kAll, &info));
  EXPECT_EQ(info.signo, 41);
  EXPECT_EQ(info.code, SI_USER);
  EXPECT_EQ(info.kill.pid, 0);
  EXPECT_EQ(pending.set(), 0u);
}

TEST(SignalAccountsTest, CountsPerUserAndGivesBack) {
  SignalAccounts accounts;
  base::KUid user(7);
  {
    PendingSignals pending;
    for (int i = 0; i < 3; ++i) {
      auto charge = accounts.Take(user, 3);
      ASSERT_TRUE(charge);
      pending.Enqueue(Info(40), std::move(*charge));
    }
    EXPECT_FALSE(accounts.Take(user, 3));
    EXPECT_TRUE(accounts.Take(base::KUid(8), 1));
    EXPECT_EQ(accounts.Queued(user), 3u);
    base::abi::Siginfo info;
    ASSERT_TRUE(pending.Dequeue(kAll, &info));
    EXPECT_EQ(accounts.Queued(user), 2u);
    // A dropped standard signal takes no place.
    pending.Enqueue(Info(SIGHUP), *accounts.Take(user, 10));
    pending.Enqueue(Info(SIGHUP), *accounts.Take(user, 10));
    EXPECT_EQ(accounts.Queued(user), 3u);
  }
  EXPECT_EQ(accounts.Queued(user), 0u);
  EXPECT_FALSE(accounts.Take(user, 0));
}

TEST(SignalHandlersTest, ExecKeepsIgnoredSignalsAndNothingElse) {
  auto handlers = base::MakeRef<SignalHandlers>();
  handlers->Set(base::Signal::Of(SIGHUP), {.handler = base::abi::kSigIgn, .flags = SA_RESTART});
  handlers->Set(base::Signal::Of(SIGINT), {.handler = 0x1234, .flags = SA_RESTART, .mask = 1});
  auto copy = handlers->CopyForExec();
  EXPECT_EQ(copy->Get(base::Signal::Of(SIGHUP)).handler, base::abi::kSigIgn);
  EXPECT_EQ(copy->Get(base::Signal::Of(SIGHUP)).flags, 0u);
  EXPECT_EQ(copy->Get(base::Signal::Of(SIGINT)).handler, base::abi::kSigDfl);
  EXPECT_EQ(copy->Get(base::Signal::Of(SIGINT)).mask, 0u);
  EXPECT_EQ(handlers->Copy()->Get(base::Signal::Of(SIGINT)).handler, 0x1234u);
}

TEST(SignalHandlersTest, KnowsWhatIsIgnored) {
  SignalHandlers* handlers = new SignalHandlers();
  auto keep = base::AdoptRef(handlers);
  for (int signal : {SIGCHLD, SIGURG, SIGWINCH, SIGCONT}) EXPECT_TRUE(handlers->Ignored(base::Signal::Of(signal)));
  for (int signal : {SIGHUP, SIGSTOP, SIGSEGV, 34, 64}) EXPECT_FALSE(handlers->Ignored(base::Signal::Of(signal)));
  handlers->Set(base::Signal::Of(SIGCHLD), {.handler = 0x1234});
  handlers->Set(base::Signal::Of(SIGHUP), {.handler = base::abi::kSigIgn});
  EXPECT_FALSE(handlers->Ignored(base::Signal::Of(SIGCHLD)));
  EXPECT_TRUE(handlers->Ignored(base::Signal::Of(SIGHUP)));
  base::abi::SignalSet ignored = 0, caught = 0;
  handlers->Masks(&ignored, &caught);
  EXPECT_EQ(ignored, base::Signal::Of(SIGHUP).mask());
  EXPECT_EQ(caught, base::Signal::Of(SIGCHLD).mask());
}

}  // namespace
}  // namespace sentry
