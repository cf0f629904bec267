// SPDX-License-Identifier: Apache-2.0
//
// What programs wait and signal with: eventfd, epoll, futexes, signals, timers.
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

void Eventfd(benchmark::State& state) {
  int file = Must(eventfd(0, 0), "eventfd");
  uint64_t value = 1;
  for (auto _ : state) {
    if (write(file, &value, sizeof value) != sizeof value) Die("write");
    if (read(file, &value, sizeof value) != sizeof value) Die("read");
  }
  close(file);
}
BENCHMARK(Eventfd)->Name("events/eventfd")->UseRealTime();

// One watched descriptor, not ready.
void EpollWait(benchmark::State& state) {
  int poll = Must(epoll_create1(0), "epoll_create1");
  int file = Must(eventfd(0, 0), "eventfd");
  epoll_event event{.events = EPOLLIN, .data = {}};
  Must(epoll_ctl(poll, EPOLL_CTL_ADD, file, &event), "epoll_ctl");
  for (auto _ : state) Must(epoll_wait(poll, &event, 1, 0), "epoll_wait");
  close(file);
  close(poll);
}
BENCHMARK(EpollWait)->Name("events/epoll_wait-0")->UseRealTime();

// Nobody waits: what an unlock costs that cannot know it.
void FutexWake(benchmark::State& state) {
  std::atomic<uint32_t> word{0};
  for (auto _ : state) Must(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0), "futex");
}
BENCHMARK(FutexWake)->Name("events/futex-wake")->UseRealTime();

void Sigprocmask(benchmark::State& state) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  for (auto _ : state) {
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) Die("sigprocmask");
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}
BENCHMARK(Sigprocmask)->Name("signals/sigprocmask")->UseRealTime();

// The signal to itself, its handler and the return from it. (raise() would add two changes of the mask.)
void SignalToSelf(benchmark::State& state) {
  static std::atomic<int64_t> handled{0};
  handled = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { handled.fetch_add(1, std::memory_order_relaxed); };
  Must(sigaction(SIGUSR1, &action, nullptr), "sigaction");
  pid_t process = getpid(), thread = gettid();
  for (auto _ : state) Must(syscall(SYS_tgkill, process, thread, SIGUSR1), "tgkill");
  if (handled != state.iterations()) Die("a signal was not handled");
}
BENCHMARK(SignalToSelf)->Name("signals/to-self")->UseRealTime();

// Armed far ahead and disarmed: two calls.
void Timerfd(benchmark::State& state) {
  int file = Must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create");
  itimerspec ahead{.it_interval = {}, .it_value = {.tv_sec = 1000, .tv_nsec = 0}}, none{};
  for (auto _ : state) {
    Must(timerfd_settime(file, 0, &ahead, nullptr), "timerfd_settime");
    Must(timerfd_settime(file, 0, &none, nullptr), "timerfd_settime");
  }
  close(file);
}
BENCHMARK(Timerfd)->Name("timers/timerfd-arm-disarm")->UseRealTime();

void PosixTimer(benchmark::State& state) {
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  Must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
  itimerspec ahead{.it_interval = {}, .it_value = {.tv_sec = 1000, .tv_nsec = 0}}, none{};
  for (auto _ : state) {
    Must(timer_settime(timer, 0, &ahead, nullptr), "timer_settime");
    Must(timer_settime(timer, 0, &none, nullptr), "timer_settime");
  }
  timer_delete(timer);
}
BENCHMARK(PosixTimer)->Name("timers/posix-arm-disarm")->UseRealTime();

// How late a short sleep ends.
void Nanosleep(benchmark::State& state) {
  timespec pause{.tv_sec = 0, .tv_nsec = 1000};
  for (auto _ : state) Must(nanosleep(&pause, nullptr), "nanosleep");
}
BENCHMARK(Nanosleep)->Name("timers/nanosleep-1us")->UseRealTime();

}  // namespace
}  // namespace bench
