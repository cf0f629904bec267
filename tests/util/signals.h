// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <initializer_list>
#include <thread>

namespace tests {

// Installs an action and puts the old one back.
//   PASS: ScopedAction action(SIGUSR1, [](int) {}); raise(SIGUSR1);
//   FAIL: raise(SIGUSR1);   // without it the process dies
class ScopedAction {
 public:
  ScopedAction(int signal, const struct sigaction& action) : signal_(signal) {
    EXPECT_EQ(sigaction(signal, &action, &old_), 0);
  }
  ScopedAction(int signal, void (*handler)(int), int flags = 0) : signal_(signal) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    EXPECT_EQ(sigaction(signal, &action, &old_), 0);
  }
  ScopedAction(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) : signal_(signal) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    EXPECT_EQ(sigaction(signal, &action, &old_), 0);
  }
  ScopedAction(const ScopedAction&) = delete;
  ScopedAction& operator=(const ScopedAction&) = delete;
  ~ScopedAction() { sigaction(signal_, &old_, nullptr); }

 private:
  int signal_;
  struct sigaction old_ = {};
};

inline sigset_t SignalSet(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

// Blocks (or, with SIG_UNBLOCK, unblocks) signals in the calling thread and puts the old mask back.
//   PASS: ScopedMask mask(SIG_BLOCK, {SIGUSR1}); raise(SIGUSR1);   // stays pending
//   FAIL: ScopedMask mask(SIG_BLOCK, {SIGKILL}); raise(SIGKILL);   // cannot be blocked
class ScopedMask {
 public:
  ScopedMask(int how, std::initializer_list<int> signals) {
    const sigset_t set = SignalSet(signals);
    EXPECT_EQ(pthread_sigmask(how, &set, &old_), 0);
  }
  ScopedMask(const ScopedMask&) = delete;
  ScopedMask& operator=(const ScopedMask&) = delete;
  ~ScopedMask() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

 private:
  sigset_t old_;
};

// A thread that sends `signal` to the thread that made it, again and again, until it dies. A call of the maker that is
// to be interrupted is interrupted however late it begins to block: no need to know when. The pause between two signals
// is only politeness.
//   PASS: Pester pester(SIGUSR1); EXPECT_THAT(pause(), SyscallFailsWithErrno(EINTR));
//   FAIL: pause();   // for ever
class Pester {
 public:
  explicit Pester(int signal) : target_(pthread_self()), thread_([this, signal] { Run(signal); }) {}
  ~Pester() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Run(int signal) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (!stop_) {
      pthread_kill(target_, signal);
      const timespec pause = {0, 2'000'000};
      nanosleep(&pause, nullptr);
    }
  }

  pthread_t target_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tests
