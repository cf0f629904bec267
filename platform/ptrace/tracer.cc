// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/tracer.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <vector>

#include "base/condvar.h"
#include "base/log.h"
#include "platform/ptrace/wait_unsafe.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

// Tracees of the calling thread, processes and threads alike, and no other child of the sentry.
constexpr int kTracees = __WALL | __WNOTHREAD;

// The start of the thread, as its starter sees it.
constinit base::LockClass kBirthLock{"ptrace::Tracer::Birth"};
struct Birth {
  explicit Birth(Tracer* tracer) : tracer(tracer) {}
  Tracer* const tracer;
  base::Mutex mutex{kBirthLock};
  base::CondVar changed;
  bool done ABSL_GUARDED_BY(mutex) = false;
  int error ABSL_GUARDED_BY(mutex) = 0;
};

}  // namespace

constinit base::LockClass Tracer::kLock{"ptrace::Tracer::mutex_"};

base::Result<void> Tracer::Start() {
  Birth birth(this);
  if (pthread_create(&thread_, nullptr, Main, &birth) != 0) return base::Errno(EAGAIN);
  int error = 0;
  {
    base::MutexLock lock(birth.mutex);
    while (!birth.done) birth.changed.Wait(birth.mutex);
    error = birth.error;
  }
  if (error != 0) {
    pthread_join(thread_, nullptr);
    return base::Errno(error);
  }
  started_ = true;
  return {};
}

void* Tracer::Main(void* argument) {
  auto* birth = static_cast<Birth*>(argument);
  Tracer* self = birth->tracer;
  self->pid_ = static_cast<int>(RawSyscall(SYS_getpid));
  self->tid_ = static_cast<int>(RawSyscall(SYS_gettid));
  auto prepared = PrepareForBells();
  {
    base::MutexLock lock(birth->mutex);
    birth->done = true;
    birth->error = prepared.ok() ? 0 : prepared.error().code();
    birth->changed.NotifyAll();
  }
  if (prepared.ok()) self->Loop();
  return nullptr;
}

void Tracer::Stop() {
  if (!started_) return;
  Request stop(
      [](Request& request) {
        auto* self = static_cast<Tracer*>(request.context);
        self->stopping_ = true;
        self->KillAll();
      },
      this);
  Post(stop);
  pthread_join(thread_, nullptr);
  started_ = false;
}

void Tracer::Post(Request& request) {
  {
    base::MutexLock lock(mutex_);
    request.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &request;
    tail_ = &request;
    bell_.store(1);
  }
  // The tracer says that it waits before it looks at the bell for the last time.
  if (waiting_.load()) Ring(pid_, tid_);
}

void Tracer::RunRequests() {
  Request* request = nullptr;
  {
    base::MutexLock lock(mutex_);
    request = std::exchange(head_, nullptr);
    tail_ = nullptr;
    bell_.store(0);
  }
  while (request != nullptr) {
    Request* next = request->next;
    request->perform(*request);
    request = next;
  }
}

void Tracer::Loop() {
  for (;;) {
    if (bell_.load(std::memory_order_relaxed) != 0) RunRequests();
    if (stopping_ && tracees_.empty() && newborns_.empty()) return;
    if (WaitForEvent()) continue;
    waiting_.store(true);
    RawSyscall(SYS_futex, &bell_, FUTEX_WAIT_PRIVATE, 0, 0);
    waiting_.store(false);
  }
}

bool Tracer::WaitForEvent() {
  siginfo_t info{};
  waiting_.store(true);
  long result = WaitOrBell(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | kTracees, bell_);
  waiting_.store(false);
  if (result == -ECHILD) {
    newborns_.clear();
    return stopping_;
  }
  if (result < 0 || info.si_pid == 0) return true;
  bool stopped = info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED;
  Dispatch(info.si_pid, !stopped);
  return true;
}

void Tracer::Dispatch(int tid, bool exited) {
  if (exited) {
    OnExit(tid);
    return;
  }
  siginfo_t info{};
  long result = RawSyscall(SYS_waitid, P_PID, tid, &info, WSTOPPED | WNOHANG | kTracees, 0);
  if (result < 0 || info.si_pid == 0) return;  // It was killed meanwhile.
  auto found = tracees_.find(tid);
  if (found != tracees_.end()) {
    base::RefPtr<Tracee> tracee = found->second;
    tracee->OnStop(info.si_status);
    return;
  }
  if (clones_ > 0) {
    newborns_[tid] = Newborn::kStopped;
  } else {
    // Whose maker died before it could tell.
    RawSyscall(SYS_kill, tid, SIGKILL);
  }
}

void Tracer::OnExit(int tid) {
  base::RefPtr<Tracee> tracee;
  auto found = tracees_.find(tid);
  if (found != tracees_.end()) {
    tracee = std::move(found->second);
    tracees_.erase(found);
    tracee->BeforeReap();
  }
  siginfo_t info{};
  RawSyscall(SYS_waitid, P_PID, tid, &info, WEXITED | WNOHANG | kTracees, 0);
  if (tracee) {
    tracee->OnExit();
  } else if (clones_ > 0) {
    newborns_[tid] = Newborn::kDead;
  } else {
    newborns_.erase(tid);
  }
}

void Tracer::Adopt(int tid, base::RefPtr<Tracee> tracee) {
  auto newborn = newborns_.find(tid);
  if (newborn != newborns_.end() && newborn->second == Newborn::kDead) {
    newborns_.erase(newborn);
    newborn = newborns_.end();
    // Unless the id was given to this one meanwhile.
    siginfo_t info{};
    long result = RawSyscall(SYS_waitid, P_PID, tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | kTracees, 0);
    if (result == -ECHILD) {
      tracee->BeforeReap();
      tracee->OnExit();
      return;
    }
  }
  tracees_[tid] = tracee;
  tracee->OnBorn(tid);
  if (closing_) tracee->KillProcess();
  if (newborn == newborns_.end()) return;
  newborns_.erase(newborn);
  tracee->OnStop(SIGTRAP);
}

void Tracer::OnCloneEnds() {
  if (--clones_ > 0) return;
  for (const auto& [tid, newborn] : newborns_) {
    if (newborn == Newborn::kStopped) RawSyscall(SYS_kill, tid, SIGKILL);
  }
  newborns_.clear();
}

void Tracer::KillAll() {
  closing_ = true;
  std::vector<base::RefPtr<Tracee>> tracees;
  for (const auto& [tid, tracee] : tracees_) tracees.push_back(tracee);
  for (const auto& tracee : tracees) tracee->KillProcess();
}

int Tracer::WaitForStop(int tid) {
  for (;;) {
    siginfo_t info{};
    long result = RawSyscall(SYS_waitid, P_PID, tid, &info, WEXITED | WSTOPPED | WNOWAIT | kTracees, 0);
    if (result == -EINTR) continue;
    if (result < 0 || (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)) return -1;
    result = RawSyscall(SYS_waitid, P_PID, tid, &info, WSTOPPED | WNOHANG | kTracees, 0);
    if (result == 0 && info.si_pid == tid) return info.si_status;
  }
}

}  // namespace platform::ptrace
