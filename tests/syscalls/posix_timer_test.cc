// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

timespec ToTimespec(int64_t ns) { return {ns / kSecond, ns % kSecond}; }
int64_t ToNs(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

// The kernel's timer, without the library's threads. Deleted with its owner.
class Timer {
 public:
  Timer(clockid_t clock, int signal, int value = 7) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = signal;
    event.sigev_value.sival_int = value;
    EXPECT_THAT(RawSyscall(SYS_timer_create, clock, &event, &id_), SyscallSucceeds());
  }
  ~Timer() { RawSyscall(SYS_timer_delete, id_); }
  int id() const { return id_; }
  long Set(int64_t value, int64_t interval, int flags = 0, itimerspec* old = nullptr) {
    const itimerspec wanted = {ToTimespec(interval), ToTimespec(value)};
    return RawSyscall(SYS_timer_settime, id_, flags, &wanted, old);
  }
  itimerspec Get() {
    itimerspec now{};
    EXPECT_THAT(RawSyscall(SYS_timer_gettime, id_, &now), SyscallSucceeds());
    return now;
  }

 private:
  int id_ = -1;
};

siginfo_t TakeSignal(int signal) {
  const sigset_t set = SignalSet({signal});
  siginfo_t info{};
  while (sigwaitinfo(&set, &info) < 0 && errno == EINTR) {
  }
  return info;
}

bool IsPending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

struct NamedClock {
  const char* name;
  clockid_t id;
};

class PosixTimerClockTest : public ::testing::TestWithParam<NamedClock> {};

TEST_P(PosixTimerClockTest, SendsItsSignalWithItsValue) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer timer(GetParam().id, SIGUSR1, 42);
  ASSERT_THAT(timer.Set(2 * kMillisecond, 0), SyscallSucceeds());
  // CPU clocks need work to go on.
  while (!IsPending(SIGUSR1)) {
  }
  siginfo_t info = TakeSignal(SIGUSR1);
  EXPECT_EQ(info.si_code, SI_TIMER);
  EXPECT_EQ(info.si_value.sival_int, 42);
  EXPECT_EQ(info.si_timerid, timer.id());
  EXPECT_EQ(info.si_overrun, 0);
  EXPECT_EQ(ToNs(timer.Get().it_value), 0);
}

TEST_P(PosixTimerClockTest, AbsoluteTimeInThePastFiresAtOnce) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer timer(GetParam().id, SIGUSR1);
  ASSERT_THAT(timer.Set(1, 0, TIMER_ABSTIME), SyscallSucceeds());
  while (!IsPending(SIGUSR1)) {
  }
  TakeSignal(SIGUSR1);
}

INSTANTIATE_TEST_SUITE_P(All, PosixTimerClockTest,
                         ::testing::Values(NamedClock{"Realtime", CLOCK_REALTIME},
                                           NamedClock{"Monotonic", CLOCK_MONOTONIC},
                                           NamedClock{"Boottime", CLOCK_BOOTTIME}, NamedClock{"Tai", CLOCK_TAI},
                                           NamedClock{"Process", CLOCK_PROCESS_CPUTIME_ID},
                                           NamedClock{"Thread", CLOCK_THREAD_CPUTIME_ID}),
                         [](const auto& info) { return info.param.name; });

TEST(PosixTimerTest, MissedExpirationsAreCounted) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  ASSERT_THAT(timer.Set(kMillisecond, kMillisecond), SyscallSucceeds());
  const timespec pause = ToTimespec(20 * kMillisecond);
  nanosleep(&pause, nullptr);
  siginfo_t info = TakeSignal(SIGUSR1);
  EXPECT_GE(info.si_overrun, 15);
  EXPECT_EQ(RawSyscall(SYS_timer_getoverrun, timer.id()), info.si_overrun);
  // And it goes on.
  TakeSignal(SIGUSR1);
}

TEST(PosixTimerTest, OneSignalIsQueuedAtATime) {
  int signal = SIGRTMIN + 3;
  ScopedMask mask(SIG_BLOCK, {signal});
  Timer timer(CLOCK_MONOTONIC, signal);
  ASSERT_THAT(timer.Set(kMillisecond, kMillisecond), SyscallSucceeds());
  const timespec pause = ToTimespec(10 * kMillisecond);
  nanosleep(&pause, nullptr);
  TakeSignal(signal);
  ASSERT_THAT(timer.Set(0, 0), SyscallSucceeds());
  EXPECT_FALSE(IsPending(signal) && TakeSignal(signal).si_overrun > 5);
}

TEST(PosixTimerTest, TwoTimersOfOneStandardSignalAreBothTold) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer one(CLOCK_MONOTONIC, SIGUSR1, 1);
  Timer two(CLOCK_MONOTONIC, SIGUSR1, 2);
  ASSERT_THAT(one.Set(kMillisecond, 0), SyscallSucceeds());
  ASSERT_THAT(two.Set(2 * kMillisecond, 0), SyscallSucceeds());
  const timespec pause = ToTimespec(20 * kMillisecond);
  nanosleep(&pause, nullptr);
  EXPECT_EQ(TakeSignal(SIGUSR1).si_value.sival_int, 1);
  EXPECT_EQ(TakeSignal(SIGUSR1).si_value.sival_int, 2);
}

TEST(PosixTimerTest, SettingTellsTheOldSetting) {
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  ASSERT_THAT(timer.Set(100 * kSecond, 5 * kSecond), SyscallSucceeds());
  itimerspec now = timer.Get();
  EXPECT_GT(ToNs(now.it_value), 99 * kSecond);
  EXPECT_LE(ToNs(now.it_value), 100 * kSecond);
  EXPECT_EQ(ToNs(now.it_interval), 5 * kSecond);
  itimerspec old{};
  ASSERT_THAT(timer.Set(0, 3, 0, &old), SyscallSucceeds());
  EXPECT_GT(ToNs(old.it_value), 99 * kSecond);
  EXPECT_EQ(ToNs(timer.Get().it_value), 0);
}

TEST(PosixTimerTest, AnIntervalLongerThanTimeIsFarAway) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  const itimerspec wanted = {{INT64_MAX, 0}, {0, 1}};
  ASSERT_THAT(RawSyscall(SYS_timer_settime, timer.id(), 0, &wanted, nullptr), SyscallSucceeds());
  const timespec pause = ToTimespec(kMillisecond);
  nanosleep(&pause, nullptr);
  EXPECT_GT(timer.Get().it_value.tv_sec, 1'000'000'000);
  TakeSignal(SIGUSR1);
}

TEST(PosixTimerTest, ATimerThatTellsNobodyIsComputed) {
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  int id = -1;
  ASSERT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallSucceeds());
  const itimerspec once = {{0, 0}, {0, 1}};
  ASSERT_THAT(RawSyscall(SYS_timer_settime, id, 0, &once, nullptr), SyscallSucceeds());
  const timespec pause = ToTimespec(kMillisecond);
  nanosleep(&pause, nullptr);
  itimerspec now{};
  EXPECT_THAT(RawSyscall(SYS_timer_gettime, id, &now), SyscallSucceeds());
  EXPECT_EQ(ToNs(now.it_value), 0);
  const itimerspec again = {ToTimespec(100 * kSecond), {0, 1}};
  ASSERT_THAT(RawSyscall(SYS_timer_settime, id, 0, &again, nullptr), SyscallSucceeds());
  nanosleep(&pause, nullptr);
  EXPECT_THAT(RawSyscall(SYS_timer_gettime, id, &now), SyscallSucceeds());
  EXPECT_GT(ToNs(now.it_value), 99 * kSecond);
  EXPECT_THAT(RawSyscall(SYS_timer_delete, id), SyscallSucceeds());
}

TEST(PosixTimerTest, WithoutAnEventItIsSigalrmWithTheId) {
  ScopedMask mask(SIG_BLOCK, {SIGALRM});
  int id = -1;
  ASSERT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &id), SyscallSucceeds());
  const itimerspec once = {{0, 0}, {0, 1}};
  ASSERT_THAT(RawSyscall(SYS_timer_settime, id, 0, &once, nullptr), SyscallSucceeds());
  siginfo_t info = TakeSignal(SIGALRM);
  EXPECT_EQ(info.si_value.sival_int, id);
  EXPECT_THAT(RawSyscall(SYS_timer_delete, id), SyscallSucceeds());
}

TEST(PosixTimerTest, AThreadCanBeTheOneThatIsTold) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR2});
  std::thread([] {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR2;
    event._sigev_un._tid = static_cast<pid_t>(RawSyscall(SYS_gettid));
    int id = -1;
    ASSERT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallSucceeds());
    const itimerspec once = {{0, 0}, {0, 1}};
    ASSERT_THAT(RawSyscall(SYS_timer_settime, id, 0, &once, nullptr), SyscallSucceeds());
    EXPECT_EQ(TakeSignal(SIGUSR2).si_code, SI_TIMER);
    EXPECT_THAT(RawSyscall(SYS_timer_delete, id), SyscallSucceeds());
  }).join();
}

TEST(PosixTimerTest, ASignalOfASettingThatIsNoMoreIsNotTaken) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  ASSERT_THAT(timer.Set(1, 0), SyscallSucceeds());
  while (!IsPending(SIGUSR1)) {
  }
  ASSERT_THAT(timer.Set(0, 0), SyscallSucceeds());
  const sigset_t set = SignalSet({SIGUSR1});
  const timespec none = {0, 0};
  EXPECT_THAT(sigtimedwait(&set, nullptr, &none), SyscallFailsWithErrno(EAGAIN));
}

TEST(PosixTimerTest, AnIgnoredSignalDoesNotStopTheTimer) {
  ScopedAction action(SIGUSR1, SIG_IGN);
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  ASSERT_THAT(timer.Set(kMillisecond, kMillisecond), SyscallSucceeds());
  const timespec pause = ToTimespec(5 * kMillisecond);
  nanosleep(&pause, nullptr);
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  ScopedAction wanted(SIGUSR1, [](int) {});
  EXPECT_EQ(TakeSignal(SIGUSR1).si_code, SI_TIMER);
}

TEST(PosixTimerTest, AChildHasNoTimers) {
  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  EXPECT_THAT(RunInChild([&] {
                itimerspec now{};
                CHILD_CHECK_ERRNO(RawSyscall(SYS_timer_gettime, timer.id(), &now), EINVAL);
                return 0;
              }),
              ExitedWith(0));
}

TEST(PosixTimerTest, QueuedSignalsLimitTimers) {
  EXPECT_THAT(RunInChild([] {
                const rlimit limit = {2, 2};
                CHILD_CHECK(setresuid(4711, 4711, 4711) == 0);
                CHILD_CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
                int id = 0;
                CHILD_CHECK(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &id) == 0);
                CHILD_CHECK(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &id) == 0);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &id), EAGAIN);
                CHILD_CHECK(RawSyscall(SYS_timer_delete, id) == 0);
                CHILD_CHECK(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &id) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(PosixTimerTest, Errors) {
  int id = -1;
  sigevent event{};
  event.sigev_signo = SIGUSR1;
  EXPECT_THAT(RawSyscall(SYS_timer_create, 77, &event, &id), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &event, &id), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_REALTIME_COARSE, &event, &id), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, BadPointer<sigevent>(), &id),
              SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, BadPointer<int>()), SyscallFailsWithErrno(EFAULT));
  event.sigev_signo = 65;
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallFailsWithErrno(EINVAL));
  event.sigev_signo = 0;
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallFailsWithErrno(EINVAL));
  event.sigev_signo = SIGUSR1;
  event.sigev_notify = 3;
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallFailsWithErrno(EINVAL));
  event.sigev_notify = SIGEV_THREAD_ID;
  event._sigev_un._tid = getppid();
  EXPECT_THAT(RawSyscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), SyscallFailsWithErrno(EINVAL));

  Timer timer(CLOCK_MONOTONIC, SIGUSR1);
  EXPECT_THAT(RawSyscall(SYS_timer_settime, timer.id(), 0, nullptr, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_settime, timer.id(), 0, BadPointer(), nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(timer.Set(-1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_gettime, timer.id(), BadPointer()), SyscallFailsWithErrno(EFAULT));
  int gone = timer.id() + 100;
  itimerspec value{};
  EXPECT_THAT(RawSyscall(SYS_timer_settime, gone, 0, &value, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_gettime, gone, &value), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_getoverrun, gone), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_timer_delete, gone), SyscallFailsWithErrno(EINVAL));
}

}  // namespace
}  // namespace tests
