// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "platform/platform.h"
#include "platform/ptrace/requests.h"
#include "platform/ptrace/stub.h"
#include "platform/ptrace/tracer.h"

namespace platform::ptrace {

// The host thread behind a GuestThread. It outlives the GuestThread until the host thread is gone.
//
// "Fiber only" methods are called by the GuestThread's fiber. What is guarded by nothing belongs to the fiber while the
// thread is stopped and its fiber is not in Run, and to the tracer's thread otherwise.
class StubThread final : public Tracee {
 public:
  // `registers` and `state` are what it starts from. Errors: ENOMEM.
  static base::Result<base::RefPtr<StubThread>> Create(base::RefPtr<Stub> stub, const Registers& registers,
                                                       const ExtendedState& state);
  ~StubThread() override;

  // Fiber only: what GuestThread's methods of the same names do.
  Event Run();
  void SetSyscall(SyscallAction action, uint64_t value);
  base::Result<Registers*> GetRegisters();
  base::Result<ExtendedState*> GetExtendedState();
  base::Result<void> SetFsBase(uint64_t value);
  // Fiber only: ends the host thread, which runs no guest code from here on.
  void Retire();

  void Interrupt();
  int tid() const { return tid_.load(std::memory_order_relaxed); }
  Stub& stub() const { return *stub_; }

  // Tracee.
  void OnBorn(int tid) override;
  void OnStop(int status) override;
  void OnExit() override;
  void KillProcess() override { stub_->Kill(); }

 private:
  enum class State {
    kStarting,  // Has not come to its first stop.
    kStopped,
    kRunning,  // Runs guest code.
    kExiting,  // Was told to end.
    kDead,
  };
  // A system call that was taken and not finished.
  struct Call {
    uint32_t number;
    uint64_t ip;  // Behind the instruction.
  };
  // A fiber on its way into a wait; lies in its frame.
  struct Parking {
    StubThread* thread;
    Executor::Fiber* fiber;
    Request request;
    bool good = false;  // Of a request for the extended state.
  };

  explicit StubThread(base::RefPtr<Stub> stub);

  static void CommitParking(void* parking);
  // On the tracer's thread: what the fiber asked for.
  void PerformRun(Executor::Fiber* fiber);
  void PerformFetch(Parking& parking);
  void PerformRetire();

  void Resume();
  void Continue();
  void End();
  void OnGuestStop(int status);
  void OnCall();
  void OnSignal(int signal);
  void OnVsyscall(const siginfo_t& info);
  void OnFault(const siginfo_t& info);
  bool CollectFault(int signal, Event* event);
  void BeginCall(uint32_t number, Event* event);
  void Deliver(const Event& event);
  void Breach(const char* what);

  static base::LockClass kLock;
  const base::RefPtr<Stub> stub_;
  std::atomic<int> tid_{0};
  Request retire_;

  base::Mutex mutex_{kLock};
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStarting;
  bool interrupt_ ABSL_GUARDED_BY(mutex_) = false;  // Interrupt was called and no kInterrupt delivered since.
  bool kicked_ ABSL_GUARDED_BY(mutex_) = false;     // A kick was sent and has not come.
  bool retired_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::Fiber* waiter_ ABSL_GUARDED_BY(mutex_) = nullptr;  // In Run.

  Event event_{};
  bool call_pending_ = false;
  Call call_{};
  bool outcome_set_ = false;
  SyscallAction action_ = SyscallAction::kReturn;
  TraceeRegisters registers_{};
  bool extended_taken_ = false;  // extended_ is valid, and written back when the thread is resumed.
  ExtendedState extended_;
};

}  // namespace platform::ptrace
